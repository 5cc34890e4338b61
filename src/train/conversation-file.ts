import { stat } from 'node:fs/promises';
import { dirname, isAbsolute, relative, resolve } from 'node:path';
import { readText } from '../checkpoint/file-source.ts';
import { InputError } from '../error.ts';
import { isObject, parseJson } from '../fields.ts';
import { readShape } from '../input/boxes/grounding.ts';
import { openPictures } from '../input/picture/picture-source.ts';
import { pixelsOf } from '../input/picture/resize.ts';
import type { Tokenizer } from '../input/text/tokenizer.ts';
import { quote } from '../quote.ts';
import type { TrainingData } from './course.ts';
import { conversationSequence, type Message } from './mask.ts';
import { uniforms } from './noise.ts';

/** A conversation of a user's file. */
interface Line {
  /** Where it stands, for errors. */
  readonly where: string;
  /** The texts, with nothing between the tags of an image: its rows replace what stands there. */
  readonly messages: readonly Message[];
  /** Paths, in reading order. */
  readonly pictures: readonly string[];
}

const LARGEST_FILE = 2 ** 28;
const MOST_PICTURES = 64;

/**
 * A user's conversations in the released fine-tuning format, one JSON object a line: `{"id": …, "conversations": [{"from": "user",
 * "value": "Picture 1: <img>cat.jpg</img>\nWhat is it?"}, {"from": "assistant", "value": "A cat."}]}`. All of it is checked before anything is
 * learned. Pictures are files in the folder of the file, or below it: no line opens anything else.
 *
 * @param longest the tokens that a conversation may have
 * @throws InputError that names the line
 */
export async function conversationFile(
  path: string,
  tokenizer: Tokenizer,
  longest: number,
  seed: number,
): Promise<{ readonly data: TrainingData; readonly size: number }> {
  const lines = (await readText(path, LARGEST_FILE))
    .split('\n')
    .flatMap((text, i) =>
      text.trim() === '' ? [] : [readLine(text, `${path}, line ${i + 1}`, dirname(resolve(path)))],
    );
  if (lines.length === 0) throw new InputError(path, 'it has no conversation', 'give one JSON object a line');
  const sequence = ({ messages }: Line) =>
    conversationSequence(tokenizer, messages, { longest: Number.POSITIVE_INFINITY });
  for (const line of lines) {
    for (const picture of line.pictures) await requireFile(picture, line.where);
    const { length } = await naming(line.where, () => sequence(line).ids);
    if (length > longest) throw new InputError(line.where, `${length} tokens, expected at most ${longest}`, 'split it');
  }
  const data: TrainingData = {
    async batch(_, step, { batch }, imageSize) {
      const chosen = drawn(lines.length, batch, step, seed).map((i) => lines[i]);
      const pictures = [];
      for (const { pictures: paths, where } of chosen) {
        const sources = paths.map((path) => ({ path }));
        pictures.push(...(await naming(where, () => openPictures(sources, imageSize))));
      }
      return {
        sequences: chosen.map(sequence),
        pixels: pixelsOf(pictures, imageSize),
        images: pictures.length,
        tasks: chosen.map(() => 'conversation'),
      };
    },
  };
  return { data, size: lines.length };
}

/** What is wrong with a line says which it is. */
async function naming<Result>(where: string, work: () => Result | Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    throw error instanceof InputError
      ? new InputError(where, error.message, 'or leave it out', { cause: error })
      : error;
  }
}

/** Which of some items a step takes: all of them before one comes again, every time in another order. */
export function drawn(size: number, batch: number, step: number, seed: number): number[] {
  let known = { round: -1, order: [] as number[] };
  return Array.from({ length: batch }, (_, i) => {
    const at = (step - 1) * batch + i;
    const round = Math.floor(at / size);
    if (known.round !== round) {
      const rank = uniforms(`${seed} round ${round}`, size);
      known = { round, order: [...rank.keys()].sort((a, b) => rank[a] - rank[b] || a - b) };
    }
    return known.order[at % size];
  });
}

function readLine(text: string, where: string, folder: string): Line {
  const remedy = 'see the released fine-tuning format';
  const json = parseJson(text, where, remedy);
  const given = isObject(json) ? json.conversations : undefined;
  if (!Array.isArray(given) || given.length === 0) throw new InputError(where, 'it has no conversations', remedy);
  const pictures: string[] = [];
  const messages = given.map((message: unknown, i): Message => {
    const { from, value } = isObject(message) ? message : {};
    if ((from !== 'user' && from !== 'assistant') || typeof value !== 'string') {
      throw new InputError(
        where,
        `message ${i + 1} is ${quote(message)}`,
        'give it "from" (user or assistant) and "value"',
      );
    }
    requireShapes(value, where);
    const named = value.replace(/<img>(.*?)<\/img>/gs, (_, name: string) => {
      pictures.push(within(folder, name, where));
      return '<img></img>';
    });
    return { from, value: named };
  });
  if (messages[0].from !== 'user')
    throw new InputError(where, 'it does not begin with the user', 'put a question first');
  if (!messages.some(({ from, value }) => from === 'assistant' && value !== '')) {
    throw new InputError(where, 'no answer is supervised', 'give the assistant something to say');
  }
  if (pictures.length > MOST_PICTURES)
    throw new InputError(where, `${pictures.length} pictures`, `give at most ${MOST_PICTURES}`);
  return { where, messages, pictures };
}

/** A line can name what lies beside its file, and nothing else. */
function within(folder: string, name: string, where: string): string {
  if (name === '') throw new InputError(where, 'a picture has no name', 'put its path between <img> and </img>');
  const path = resolve(folder, name);
  const way = relative(folder, path);
  if (!isAbsolute(name) && way !== '' && !way.startsWith('..') && !isAbsolute(way) && !name.includes('\0')) return path;
  throw new InputError(
    where,
    `the picture ${quote(name)} is not in the folder of the file`,
    'put it there, and give its relative path',
  );
}

async function requireFile(path: string, where: string): Promise<void> {
  const there = await stat(path).catch(() => undefined);
  if (!there?.isFile())
    throw new InputError(where, `there is no picture ${quote(path)}`, 'put it there, or leave the line out');
}

/** @throws InputError for a box or a quadrilateral that cannot be read, or lies outside the picture */
function requireShapes(text: string, where: string): void {
  for (const [whole, tag, content] of text.matchAll(/<(box|quad)>(.*?)<\/\1>/gs)) {
    const problems: string[] = [];
    readShape(content, tag === 'box' ? 2 : 4, true, (problem) => problems.push(problem));
    if (problems.length === 0) continue;
    throw new InputError(where, `${quote(whole)}: ${problems[0]}`, 'give thousandths of width and height, 0 to 999');
  }
}
