import { stat } from 'node:fs/promises';
import { dirname, isAbsolute, relative, resolve } from 'node:path';
import { readText } from '../checkpoint/file-source.ts';
import { InputError } from '../error.ts';
import { isObject, parseJson } from '../fields.ts';
import { readShape } from '../input/boxes/grounding.ts';
import { quote } from '../quote.ts';

/** A conversation of a user's file. */
export interface ConversationLine {
  /** Where it stands, for errors. */
  readonly where: string;
  /** The texts, with nothing between the tags of an image: its rows replace what stands there. */
  readonly messages: readonly { readonly from: 'user' | 'assistant'; readonly value: string }[];
  /** Paths, in reading order. */
  readonly pictures: readonly string[];
  /** What else stands in the line. */
  readonly more: Readonly<Record<string, unknown>>;
}

const LARGEST_FILE = 2 ** 28;
const MOST_PICTURES = 64;

/**
 * A user's conversations in the released fine-tuning format, one JSON object a line: `{"id": …, "conversations": [{"from": "user",
 * "value": "Picture 1: <img>cat.jpg</img>\nWhat is it?"}, {"from": "assistant", "value": "A cat."}]}`. Pictures are files in the folder of the
 * file, or below it: no line opens anything else. That they are there is checked, they are not opened.
 *
 * @throws InputError that names the line
 */
export async function readConversationLines(path: string): Promise<ConversationLine[]> {
  const folder = dirname(resolve(path));
  const lines = (await readText(path, LARGEST_FILE))
    .split('\n')
    .flatMap((text, i) => (text.trim() === '' ? [] : [readLine(text, `${path}, line ${i + 1}`, folder)]));
  if (lines.length === 0) throw new InputError(path, 'it has no conversation', 'give one JSON object a line');
  for (const { pictures, where } of lines) for (const picture of pictures) await requireFile(picture, where);
  return lines;
}

/** Does something with a line: what is wrong then says which it is. */
export async function withLine<Result>(
  { where }: ConversationLine,
  work: () => Result | Promise<Result>,
): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    throw new InputError(where, error.message, 'or leave it out', { cause: error });
  }
}

function readLine(text: string, where: string, folder: string): ConversationLine {
  const remedy = 'see the released fine-tuning format';
  const json = parseJson(text, where, remedy);
  const { conversations: given, ...more } = isObject(json) ? json : {};
  if (!Array.isArray(given) || given.length === 0) throw new InputError(where, 'it has no conversations', remedy);
  const pictures: string[] = [];
  const messages = given.map((message: unknown, i) => {
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
    return { from, value: named } as const;
  });
  if (messages[0].from !== 'user')
    throw new InputError(where, 'it does not begin with the user', 'put a question first');
  if (!messages.some(({ from, value }) => from === 'assistant' && value !== '')) {
    throw new InputError(where, 'no answer is supervised', 'give the assistant something to say');
  }
  if (pictures.length > MOST_PICTURES)
    throw new InputError(where, `${pictures.length} pictures`, `give at most ${MOST_PICTURES}`);
  return { where, messages, pictures, more };
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
