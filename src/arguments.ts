import { InputError } from './error.ts';
import { isObject } from './fields.ts';
import type { Picture } from './input/picture/picture.ts';
import { taskFormats } from './input/prompt/tasks.ts';
import { DEVICE_NAMES } from './open-device.ts';
import { quote } from './quote.ts';

/**
 * What plain JavaScript passes to the library, where types are forgotten.
 *
 * @param where what the value is called
 * @throws InputError that says what was found and what was expected
 */
type Check = (where: string, value: unknown) => void;

const expecting =
  (expected: string, fits: (value: unknown) => boolean): Check =>
  (where, value) => {
    if (fits(value)) return;
    const found = typeof value === 'function' ? 'a function' : quote(value);
    throw new InputError(where, `found ${found}, expected ${expected}`, 'see the types in src/index.ts');
  };

const text = expecting('a text', (value) => typeof value === 'string');
const number = expecting('a number', (value) => typeof value === 'number');
const flag = expecting('true or false', (value) => typeof value === 'boolean');
const callback = expecting('a function', (value) => typeof value === 'function');
const positive = expecting('a number above 0', (value) => typeof value === 'number' && value > 0);
const whole = (most: number) =>
  expecting(
    `a whole number from 1 to ${most}`,
    (value) => Number.isInteger(value) && (value as number) >= 1 && (value as number) <= most,
  );
const oneOf = (words: readonly string[]) =>
  expecting(`one of ${words.join(', ')}`, (value) => words.includes(value as string));
const object = expecting('an object', isObject);
const list = expecting('a list', Array.isArray);

const listOf =
  (check: Check): Check =>
  (where, value) => {
    list(where, value);
    for (const [i, part] of (value as unknown[]).entries()) check(`${where}[${i}]`, part);
  };

/** The fields of an object; with `others` those are known that may be left out, and nothing beside. */
const fields =
  (required: Readonly<Record<string, Check>>, others?: Readonly<Record<string, Check>>): Check =>
  (where, value) => {
    object(where, value);
    const given = value as Readonly<Record<string, unknown>>;
    for (const [name, check] of Object.entries(required)) check(`${where}.${name}`, given[name]);
    if (!others) return;
    for (const [name, part] of Object.entries(given)) {
      if (Object.hasOwn(others, name)) {
        if (part !== undefined) others[name](`${where}.${name}`, part);
      } else if (!Object.hasOwn(required, name)) {
        const known = Object.keys({ ...required, ...others }).join(', ');
        throw new InputError(where, `${quote(name)}, expected one of ${known}`, 'leave it out, or check its spelling');
      }
    }
  };

const optional =
  (check: Check): Check =>
  (where, value) => {
    if (value !== undefined) check(where, value);
  };

const coordinates = expecting(
  'two numbers',
  (value) => Array.isArray(value) && value.length === 2 && value.every((part) => Number.isFinite(part)),
);
const corners = expecting('2 corners of a box or 4 of a quadrilateral', (value) => {
  return Array.isArray(value) && (value.length === 2 || value.length === 4);
});
const shape: Check = (where, value) => {
  corners(where, value);
  listOf(coordinates)(where, value);
};
const name = expecting('a text or null', (value) => value === null || typeof value === 'string');
const region = fields({ ref: name, shapes: listOf(shape) });

/** A part of a message, or of a caption. What an image is, is checked where it is opened. */
const part: Check = (where, value) => {
  object(where, value);
  if ('image' in (value as object)) return;
  if ('text' in (value as object)) fields({ text })(where, value);
  else region(where, value);
};

export const requireMessage: Check = (where, value) => {
  if (typeof value === 'string') return;
  expecting('a text, or a list of texts, images and regions', Array.isArray)(where, value);
  listOf(part)(where, value);
};

export const requireQuestions = listOf(fields({ question: text }));
export const requireText = text;
export const requireRegions = listOf(region);

export const requireModel = expecting(
  'what load() gives',
  (value) => isObject(value) && ['model', 'tokenizer', 'checkpoint', 'sight'].every((name) => isObject(value[name])),
);

const ANSWER_OPTIONS: Readonly<Record<string, Check>> = {
  temperature: number,
  topK: number,
  topP: number,
  repetitionPenalty: number,
  minNewTokens: number,
  maxNewTokens: number,
  seed: number,
  stop: listOf(text),
  allowSpecial: flag,
  signal: fields({ throwIfAborted: callback, addEventListener: callback, removeEventListener: callback }),
  onPart: callback,
  sight: fields({ look: callback, free: callback }),
};

export const requireAnswerOptions = fields({}, ANSWER_OPTIONS);
export const requireChatOptions = fields(
  {},
  { ...ANSWER_OPTIONS, history: listOf(fields({ user: requireMessage, assistant: text })), system: text },
);
export const requireConversations = listOf(
  fields({ turns: listOf(fields({ user: requireMessage, assistant: text })) }, { system: text }),
);
export const requireLossOptions = fields({}, { trains: callback, recompute: flag });
export const requireLoadOptions = fields(
  {},
  { device: oneOf(DEVICE_NAMES), threads: whole(64), adapter: text, memory: positive, resident: flag },
);

const side = whole(1e9);
const size = fields({ width: side, height: side, data: expecting('bytes', (value) => value instanceof Uint8Array) });
export const requirePicture: Check = (where, value) => {
  size(where, value);
  const { width, height, data } = value as Picture;
  if (data.length === 3 * width * height) return;
  const found = `${data.length} bytes, expected ${3 * width * height} for ${width} × ${height} pixels`;
  throw new InputError(where, found, 'open it with openPicture');
};
export const requirePictureOptions = optional(
  fields({}, { name: text, limits: fields({}, { pixels: positive, side: positive }) }),
);

const task = oneOf(Object.keys(taskFormats));
const SAMPLE_FIELDS: Readonly<Record<string, Check>> = {
  groundedCaption: listOf(part),
  shapes: listOf(shape),
  box: shape,
  lines: requireRegions,
};

export const requireSample: Check = (where, value) => {
  fields({ task })(where, value);
  const { prompt, target } = taskFormats[(value as { task: keyof typeof taskFormats }).task];
  const names = [...`${prompt}${target}`.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
  fields(Object.fromEntries(names.map((name) => [name, SAMPLE_FIELDS[name] ?? text])))(where, value);
};

export const requireSampleTexts = fields({ prompt: text, target: text });
export const requireTokenizer = fields({ encode: callback, special: object });

function checkAll(checks: Readonly<Record<string, Check>>, given: readonly unknown[]): void {
  for (const [i, [where, check]] of Object.entries(checks).entries()) check(where, given[i]);
}

/** A function that checks what it is given first. @param checks by the parameters' names, in their order */
export const checked =
  <Given extends unknown[], Result>(work: (...given: Given) => Result, checks: Readonly<Record<string, Check>>) =>
  (...given: Given): Result => {
    checkAll(checks, given);
    return work(...given);
  };

/** The same for one that gives a promise, which is rejected. */
export const checkedLater =
  <Given extends unknown[], Result>(
    work: (...given: Given) => Promise<Result>,
    checks: Readonly<Record<string, Check>>,
  ) =>
  async (...given: Given): Promise<Result> => {
    checkAll(checks, given);
    return work(...given);
  };
