import { stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { readSmallFile } from '../../checkpoint/file-source.ts';
import { CheckpointError, TextError } from '../../error.ts';
import { parseJson } from '../../fields.ts';
import { chatPrompt } from '../../input/prompt/prompt.ts';
import type { Tokenizer } from '../../input/text/tokenizer.ts';
import { quote } from '../../quote.ts';
import { type Decoder, list, object, whole } from '../decoder.ts';
import { toLine } from '../line.ts';
import { countPart, type InputDifference, type InputRun } from './input-report.ts';

/** A conversation, and what the original made of it. */
export interface Conversation {
  readonly system: string;
  readonly history: readonly (readonly string[])[];
  readonly query: string;
  readonly max_window_size: number;
}

/** What turns words into ids: this project's own functions, or others to be judged. */
export interface PromptWay {
  readonly encode: (text: string) => readonly number[];
  readonly decode: (ids: readonly number[]) => string;
  readonly chat: (conversation: Conversation) => readonly number[];
}

/** What `qvl ask` runs, but that special tokens are known in text, as in the original. */
export const promptWay = (tokenizer: Tokenizer): PromptWay => ({
  encode: (text) => tokenizer.encode(text, { special: 'all' }),
  decode: (ids) => tokenizer.decode(ids),
  chat: ({ system, history, query, max_window_size: maxWindowSize }) => {
    const turns = history.map(([user, assistant]) => ({ user, assistant }));
    return [...chatPrompt(tokenizer, { system, history: turns, query }, { maxWindowSize, allowSpecial: true }).ids];
  },
});

const FILES = { texts: 'encode.json', conversations: 'chatml.json' } as const;
const MOST = { bytes: 64 * 2 ** 20, items: 100_000, text: 1 << 20, ids: 1 << 20, id: 2 ** 31 - 1 };

const text: Decoder<string> = (value, at) => {
  if (typeof value === 'string' && value.length <= MOST.text) return value;
  throw new CheckpointError(at, `${quote(value)}, expected a text`, 'get the golden again');
};
const ids = list(whole(0, MOST.id), MOST.ids);
const texts = list(object({ text, ids }), MOST.items);
const conversations = list(
  object({
    system: text,
    history: list((value, at) => {
      const turn = list(text, 2)(value, at);
      if (turn.length === 2) return turn;
      throw new CheckpointError(at, `${turn.length} texts, expected a question and an answer`, 'get the golden again');
    }, MOST.items),
    query: text,
    max_window_size: whole(0, Number.MAX_SAFE_INTEGER),
    raw_text: text,
    ids,
  }),
  MOST.items,
);

/** Whether a path is a folder of prompts like golden/tokenizer, or one of its two files. */
export const isPromptGolden = async (path: string): Promise<boolean> =>
  Object.values(FILES).includes(basename(path) as 'encode.json')
    ? isFile(path)
    : (await isFile(join(path, FILES.texts))) || isFile(join(path, FILES.conversations));

/**
 * Runs texts and conversations through each part:
 *
 * - `ids`: a text to its ids;
 * - `words`: the original's ids back to the text;
 * - `context`: a conversation to the ChatML that its ids spell: which turns are remembered, roles, newlines;
 * - `context ids`: those ids, which are pieces encoded apart.
 *
 * @param path see `isPromptGolden`
 * @throws CheckpointError when the golden is not sound
 */
export async function verifyPrompts(path: string, way: PromptWay): Promise<InputRun> {
  const start = performance.now();
  const file = Object.values(FILES).includes(basename(path) as 'encode.json') ? basename(path) : undefined;
  const folder = file ? dirname(path) : path;
  const read = async <Value>(name: string, decoder: Decoder<Value[]>): Promise<Value[]> => {
    const where = join(folder, name);
    if ((file && file !== name) || !(await isFile(where))) return [];
    return decoder(parseJson(await readSmallFile(where, MOST.bytes), where), where);
  };

  const [encoding, words] = [countPart('ids', 'texts'), countPart('words', 'texts')];
  for (const [number, golden] of (await read(FILES.texts, texts)).entries()) {
    const item = `text ${number}`;
    encoding.add(tokensOf(item, golden.ids, way, () => way.encode(golden.text)));
    words.add(compareTexts(item, way.decode(golden.ids), golden.text.normalize('NFC')));
  }
  const [context, spelling] = [countPart('context', 'conversations'), countPart('context ids', 'conversations')];
  for (const [number, golden] of (await read(FILES.conversations, conversations)).entries()) {
    const item = `conversation ${number}`;
    let said = '';
    const difference = tokensOf(item, golden.ids, way, () => {
      const made = way.chat(golden);
      said = way.decode(made);
      return made;
    });
    context.add(compareTexts(item, said, golden.raw_text.normalize('NFC')));
    spelling.add(difference);
  }
  return {
    golden: { name: basename(resolve(folder)), provenance: file ? { file } : {} },
    seconds: (performance.now() - start) / 1000,
    parts: [encoding, words, context, spelling].map((each) => each.part()).filter(({ compared }) => compared > 0),
  };
}

/** Compares ids, where they can be made at all. */
function tokensOf(
  item: string,
  theirs: readonly number[],
  way: PromptWay,
  make: () => readonly number[],
): InputDifference | undefined {
  try {
    return compareIds(item, make(), theirs, way);
  } catch (error) {
    if (!(error instanceof TextError)) throw error;
    return { item, differing: theirs.length, of: theirs.length, place: toLine(error.message) };
  }
}

function compareIds(
  item: string,
  ours: readonly number[],
  theirs: readonly number[],
  { decode }: PromptWay,
): InputDifference | undefined {
  const [first, last] = commonEnds(ours, theirs);
  if (first === ours.length && first === theirs.length) return undefined;
  const told = (all: readonly number[]) => {
    const span = all.slice(first, Math.max(all.length - last, first));
    const some = span.slice(0, 4).map((id) => `${id} ${quote(decode([id]))}`);
    return some.length === 0 ? 'nothing' : some.join(', ') + (span.length > 4 ? ` and ${span.length - 4} more` : '');
  };
  return {
    item,
    differing: Math.max(ours.length, theirs.length) - first - last,
    of: theirs.length,
    place: `token ${first}: ${told(ours)}; the original has ${told(theirs)}`,
  };
}

function compareTexts(item: string, ours: string, theirs: string): InputDifference | undefined {
  if (ours === theirs) return undefined;
  const [a, b] = [[...ours], [...theirs]];
  const [first, last] = commonEnds(a, b);
  const told = (all: readonly string[]) => quote(all.slice(Math.max(0, first - 10), first + 20).join(''));
  return {
    item,
    differing: Math.max(a.length, b.length) - first - last,
    of: b.length,
    place: `character ${first}: ${told(a)}, the original has ${told(b)}`,
  };
}

/** How much two lists share at their beginnings, and how much of the rest at their ends. */
function commonEnds<Item>(a: readonly Item[], b: readonly Item[]): [number, number] {
  const shorter = Math.min(a.length, b.length);
  let [first, last] = [0, 0];
  while (first < shorter && a[first] === b[first]) first++;
  while (last < shorter - first && a[a.length - 1 - last] === b[b.length - 1 - last]) last++;
  return [first, last];
}

const isFile = async (path: string) => (await stat(path).catch(() => undefined))?.isFile() ?? false;
