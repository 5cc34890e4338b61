import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { InputError } from '../src/error.ts';
import * as library from '../src/index.ts';
import { DeviceError } from '../tensor/error.ts';

const { ask, askAll, chat, load } = library;
const PICTURE = 'golden/tiny/pictures/scene-1.png';
const onSimd = { device: 'simd', threads: 1 } as const;
const short = { maxNewTokens: 2 } as const;
const bothAsked = ['What?', 'Hello'].map((question) => ({ pictures: [], question }));
/** They are not done before the model is closed. */
const long = { minNewTokens: 900, maxNewTokens: 1000 } as const;

const turn = { user: 'What?', assistant: 'A square.' };
const none = { trains: () => false };

let model: library.QwenVL;
let picture: library.Picture;
beforeAll(async () => {
  model = await load('golden/tiny', onSimd);
  picture = await library.openPicture({ path: PICTURE });
});
afterAll(() => model.close());

/** What plain JavaScript can do. */
type Anything = (...given: unknown[]) => unknown;
const plain = library as unknown as Readonly<Record<keyof typeof library, Anything>>;

describe('whatever is passed, errors are typed', () => {
  const all = async (pieces: unknown) => {
    for await (const _ of pieces as AsyncIterable<unknown>);
  };
  const given: Readonly<Record<string, (value: unknown) => unknown>> = {
    'ask: model': (value) => plain.ask(value, [], 'q'),
    'ask: pictures': (value) => plain.ask(model, value, 'q', short),
    'ask: a picture': (value) => plain.ask(model, [picture, value], 'q', short),
    'ask: question': (value) => plain.ask(model, [], value, short),
    'ask: options': (value) => plain.ask(model, [], 'q', value === undefined ? null : value),
    'askAll: questions': (value) => plain.askAll(model, value, short),
    'askAll: one of them': (value) => plain.askAll(model, [value], short),
    'chat: message': (value) => all(plain.chat(model, value, short)),
    'chat: part of it': (value) => all(plain.chat(model, [value], short)),
    'chat: a region': (value) => all(plain.chat(model, [{ ref: 'a', shapes: value }], short)),
    'chat: history': (value) => all(plain.chat(model, 'q', { ...short, history: value })),
    'chat: user': (value) => all(plain.chat(model, 'q', { ...short, history: [{ user: value, assistant: 'a' }] })),
    'chat: assistant': (value) => all(plain.chat(model, 'q', { ...short, history: [{ user: 'a', assistant: value }] })),
    'chat: system': (value) => all(plain.chat(model, 'q', { ...short, system: value })),
    ...Object.fromEntries(
      ['temperature', 'topK', 'topP', 'repetitionPenalty', 'minNewTokens', 'seed', 'stop', 'allowSpecial', 'signal']
        .concat('onPart', 'sight', 'maxTokens')
        .map((name) => [`ask: ${name}`, (value: unknown) => plain.ask(model, [], 'q', { ...short, [name]: value })]),
    ),
    'ask: maxNewTokens': (value) =>
      plain.ask(model, [], 'q', { maxNewTokens: typeof value === 'number' ? Math.min(value, 2) : value }),
    'lossAndGradients: model': (value) => plain.lossAndGradients(value, [{ turns: [turn] }]),
    'lossAndGradients: conversations': (value) => plain.lossAndGradients(model, value),
    'lossAndGradients: one of them': (value) => plain.lossAndGradients(model, [value]),
    'lossAndGradients: turns': (value) => plain.lossAndGradients(model, [{ turns: value }], none),
    'lossAndGradients: user': (value) => plain.lossAndGradients(model, [{ turns: [{ ...turn, user: value }] }], none),
    'lossAndGradients: assistant': (value) =>
      plain.lossAndGradients(model, [{ turns: [{ ...turn, assistant: value }] }], none),
    'lossAndGradients: options': (value) => plain.lossAndGradients(model, [{ turns: [turn] }], value ?? null),
    'load: folder': (value) => plain.load(value, onSimd),
    'load: options': (value) => plain.load('missing', value),
    ...Object.fromEntries(
      ['device', 'threads', 'memory', 'resident'].map((name) => [
        `load: ${name}`,
        (value: unknown) => plain.load('missing', { ...onSimd, [name]: value }),
      ]),
    ),
    openPicture: (value) => plain.openPicture(value),
    'openPicture: options': (value) => plain.openPicture({ path: PICTURE }, value),
    'openPicture: limits': (value) => plain.openPicture({ path: PICTURE }, { limits: value }),
    parseGrounding: (value) => plain.parseGrounding(value),
    'drawRegions: picture': (value) => plain.drawRegions(value, []),
    'drawRegions: regions': (value) => plain.drawRegions(picture, value),
    'regionsToSvg: picture': (value) => plain.regionsToSvg(value, []),
    encodePng: (value) => plain.encodePng(value),
    formatSample: (value) => plain.formatSample(value),
    parseSample: (value) => plain.parseSample(value),
    'encodeSample: tokenizer': (value) => plain.encodeSample(value, { task: 'text', text: 'a' }),
    'encodeSample: sample': (value) => plain.encodeSample(model.tokenizer, value),
  };
  const near = fc.oneof(
    fc.constantFrom<unknown>(Symbol('s'), 10n, () => 1, null, undefined, Number.NaN, -1, 1.5, '', 'auto'),
    fc.record(
      {
        ...{ text: fc.anything(), image: fc.anything(), ref: fc.anything(), shapes: fc.anything() },
        ...{ width: fc.anything(), height: fc.anything(), data: fc.anything(), channels: fc.anything() },
        ...{ task: fc.constantFrom('ocr', 'caption', 'toString'), lines: fc.anything(), caption: fc.anything() },
        ...{ pictures: fc.anything(), question: fc.anything(), user: fc.anything(), path: fc.nat() },
      },
      { requiredKeys: [] },
    ),
    fc.anything({ withBigInt: true, withNullPrototype: true, withTypedArray: true, withMap: true }),
  );

  test.each(Object.entries(given))('%s', async (_, call) => {
    await fc.assert(
      fc.asyncProperty(fc.oneof(near, fc.array(near, { maxLength: 2 })), async (value) => {
        try {
          await call(value);
        } catch (error) {
          expect(
            [InputError, DeviceError].some((kind) => error instanceof kind),
            String(error),
          ).toBe(true);
          expect((error as Error).message).not.toContain('\n');
        }
      }),
      { numRuns: 25 },
    );
  });

  test('and say what was found, what was expected and where', async () => {
    await expect(plain.ask(model, null, 'q')).rejects.toThrow(
      'neither bytes, nor a path, a data URL or pixels; give a Uint8Array, { path }, { dataUrl } or pixels',
    );
    await expect(plain.ask(model, [], null)).rejects.toThrow('question: found null, expected a text');
    await expect(plain.ask(model, [], 'q', { maxTokens: 3 })).rejects.toThrow(
      'options: "maxTokens", expected one of temperature, topK',
    );
    await expect(plain.load('golden/tiny', { device: 'tpu' })).rejects.toThrow(
      'options.device: found "tpu", expected one of auto, simd',
    );
  });

  test('no questions have no answers', async () => expect(await askAll(model, [])).toEqual([]));
});

test('a history that grows while an answer is on its way is as it was', async () => {
  const first = { user: [{ image: PICTURE }, { text: 'What is in the picture?' }], assistant: 'A star.' };
  const alone = await ask(model, PICTURE, 'Hello', short);
  const history: { user: typeof first.user; assistant: string }[] = [];
  const [answer] = await Promise.all([
    (async () => {
      let text = '';
      const message = [{ image: PICTURE }, { text: 'Hello' }];
      for await (const piece of chat(model, message, { ...short, history })) text += piece.text;
      return text;
    })(),
    Promise.resolve().then(() => history.push(first)),
  ]);
  expect(answer).toBe(alone);
});

test('who gives up while pictures are opened opens no more', async () => {
  const controller = new AbortController();
  const given = ask(model, [PICTURE, 'missing.png'], 'Hello', { signal: controller.signal });
  controller.abort(new Error('enough'));
  await expect(given).rejects.toThrow('enough');
});

test('who stops listening leaves nothing', async () => {
  await ask(model, picture, 'Hello', short); // it is remembered from here on
  const before = model.device.live.size;
  for await (const _ of chat(model, [{ image: picture }, { text: 'What is in the picture?' }])) break;
  const pieces = chat(model, [{ image: picture }, { text: 'What is in the picture?' }]);
  await pieces.next();
  await pieces.return();
  expect(model.device.live.size).toBe(before);
});

describe('closing while answers are being given', () => {
  test.each([
    'vision encoder',
    'adapter',
    'prefill',
    'decode',
    'never begun',
  ])('in %s: each ends with a typed error, and nothing is left running', async (part) => {
    const closing = await load('golden/tiny', onSimd);
    let closed: Promise<void> | undefined;
    const close = () => {
      closed ??= closing.close();
    };
    const onPart = (name: string) => {
      if (name === part) queueMicrotask(close);
    };
    const suspended = chat(closing, 'Hello', short);
    if (part !== 'never begun') await suspended.next();
    const answers = Promise.allSettled([
      ask(closing, picture, 'What is in the picture?', { ...long, onPart }),
      ask(closing, picture, 'What is in the picture?', { ...long, temperature: 1 }),
      ask(closing, PICTURE, 'Where is the star?', long),
      askAll(closing, bothAsked, long),
    ]);
    if (part === 'never begun') close();
    for (const result of await answers) {
      expect(result).toMatchObject({ status: 'rejected', reason: expect.any(DeviceError) });
    }
    await Promise.all([closed, closing.close()]);
    await expect(suspended.next()).rejects.toThrow(DeviceError);
    await expect(suspended.next()).resolves.toMatchObject({ done: true });
    await expect(ask(closing, [], 'Hello')).rejects.toThrow(DeviceError);
    // What is left are the weights and their two tables: the device gave back the memory of all.
    const kept = new Set([...Object.values(closing.model.weights), ...Object.values(closing.model.positions)]);
    expect([...closing.device.live].filter((tensor) => !kept.has(tensor))).toEqual([]);
  });
});

describe('loss and gradients of conversations', () => {
  const scene = (i: number) => ({ image: `golden/tiny/pictures/scene-${i}.png` });
  const conversations = [
    {
      turns: [{ user: [scene(1), { text: 'What is in the picture?' }], assistant: 'The picture shows a red square.' }],
    },
    {
      turns: [
        { user: [scene(2), scene(1), { text: 'Which picture is darker?' }], assistant: 'The second.' },
        { user: 'Why?', assistant: 'It has no colour.' },
      ],
      system: 'Be brief.',
    },
  ];

  test('are those of the conversations one by one, weighted by what is supervised; nothing is left', async () => {
    const before = model.device.live.size;
    const both = await library.lossAndGradients(model, conversations);
    const alone = [];
    for (const each of conversations) alone.push(await library.lossAndGradients(model, [each]));
    const [a, b] = alone;
    expect(a.loss).not.toBeCloseTo(b.loss, 2);
    // loss = share · a + (1 − share) · b, and so is every gradient.
    const share = (both.loss - b.loss) / (a.loss - b.loss);
    expect(share).toBeGreaterThan(0);
    expect(share).toBeLessThan(0.5);
    for (const name of ['lm_head.weight', 'transformer.h.0.ln_1.weight', 'transformer.visual.conv1.weight']) {
      const [whole, first, second] = [both, a, b].map(({ gradients }) => gradients.get(name)!.data);
      const error = whole.reduce((sum, x, i) => sum + (x - share * first[i] - (1 - share) * second[i]) ** 2, 0);
      expect(error / whole.reduce((sum, x) => sum + x * x, 0), name).toBeLessThan(1e-9);
    }
    expect(both.gradients.get('transformer.visual.proj')!.shape).toEqual([256, 256]);
    expect(model.device.live.size).toBe(before);
  });

  test('of what cannot be trained on are refused by name', async () => {
    const asked = (user: string, assistant = 'Yes.') =>
      library.lossAndGradients(model, [{ turns: [{ user, assistant }] }]);
    await expect(library.lossAndGradients(model, [])).rejects.toThrow('batch: it has no conversation');
    await expect(asked('<|im_end|>')).rejects.toThrow('<|im_end|> where only words may be');
    await expect(asked('?', 'a '.repeat(9000))).rejects.toThrow(/conversation 0: \d+ tokens, expected at most/);
    await expect(asked('?', '<img>x</img>')).rejects.toThrow('0 pictures for 1 places in the text');
  });
});
