import { TextError } from '../../error.ts';
import { quote } from '../../quote.ts';

/**
 * The byte sequences a byte-level BPE knows, by rank. A sequence is a binary string, one character (0–255) a byte: strings
 * are what a `Map` can find by content.
 */
export type Vocabulary = {
  readonly tokens: readonly string[];
  readonly ranks: ReadonlyMap<string, number>;
  /** The length in bytes of the longest token. */
  readonly longest: number;
};

/** Keeps rank · 2³² + position an exact integer (see bpe.ts); Qwen's vocabulary has 151,643 ranks. */
const maximumRanks = 2 ** 20;
/** Far above any token's; a regular expression need not walk a line of a hundred megabytes. */
const maximumLine = 4096;
const again = 'take qwen.tiktoken from the checkpoint again';

/** What `qvl tokenizer` and the published checkpoint agree on: the file `qwen.tiktoken` of all first-generation Qwen models. */
export const publishedVocabulary = {
  ranks: 151_643,
  sha256: 'b2b1b8dfb5cc5f024bafc373121c6aba3f66f9a5a0269e243470a1de16a33186',
} as const;

/** One token of a vocabulary file: its bytes as a binary string, its rank, and where it stands, for errors. */
export type VocabularyEntry = { readonly token: string; readonly rank: number; readonly where: string };

/**
 * A vocabulary from its entries in any order. `name` is the file's and `remedy` what to do about it, for errors. Throws a
 * TextError unless the ranks are exactly 0 … n−1 and every token is there once, the 256 single bytes among them.
 */
export function collectVocabulary(entries: Iterable<VocabularyEntry>, name: string, remedy: string): Vocabulary {
  const tokens: string[] = [];
  const ranks = new Map<string, number>();
  let longest = 0;
  let highest = { rank: -1, where: name };
  for (const { token, rank, where } of entries) {
    if (rank >= maximumRanks) throw new TextError(where, `rank ${rank}, expected below ${maximumRanks}`, remedy);
    if (tokens[rank] !== undefined) throw new TextError(where, `rank ${rank} was given to an earlier token`, remedy);
    const other = ranks.get(token);
    if (other !== undefined) throw new TextError(where, `the token of rank ${rank} has rank ${other} already`, remedy);
    tokens[rank] = token;
    ranks.set(token, rank);
    longest = Math.max(longest, token.length);
    if (rank > highest.rank) highest = { rank, where };
  }
  if (highest.rank >= ranks.size) {
    const found = `rank ${highest.rank}, but the file has ${ranks.size} tokens: expected ranks 0 to ${ranks.size - 1}`;
    throw new TextError(highest.where, found, remedy);
  }
  for (let byte = 0; byte < 256; byte++) {
    if (ranks.has(String.fromCharCode(byte))) continue;
    const shown = `0x${byte.toString(16).padStart(2, '0')}`;
    throw new TextError(name, `there is no token for the byte ${shown}`, remedy);
  }
  return { tokens, ranks, longest };
}

/**
 * Reads a vocabulary in the format of `qwen.tiktoken`: a line a token, base64 of its bytes, a space, its rank. `name` is
 * the file's, for errors. Throws a TextError with the line's number for what is no such line, and as `collectVocabulary`.
 */
export function parseVocabulary(text: string, name: string): Vocabulary {
  return collectVocabulary(readLines(text, name), name, again);
}

/** A vocabulary in the format of `qwen.tiktoken`, in order of rank. */
export function formatVocabulary({ tokens }: Vocabulary): string {
  return tokens.map((token, rank) => `${btoa(token)} ${rank}\n`).join('');
}

function* readLines(text: string, name: string): Generator<VocabularyEntry> {
  let lineNumber = 0;
  for (const line of lines(text)) {
    lineNumber++;
    if (line === '') continue;
    const where = `${name}, line ${lineNumber}`;
    const match = line.length > maximumLine ? null : /^([A-Za-z0-9+/]+={0,2}) (\d{1,7})$/.exec(line);
    if (!match || match[1].length % 4 !== 0) {
      throw new TextError(where, `${quote(line)} is not a token in base64, a space and a rank`, again);
    }
    yield { token: decodeBase64(match[1], where), rank: Number(match[2]), where };
  }
}

/** The lines of a text, one at a time: a hostile file is refused at its first bad line, not after splitting all of it. */
function* lines(text: string): Generator<string> {
  let from = text.startsWith('\uFEFF') ? 1 : 0; // an editor's mark of UTF-8, which base64 decoders pass over
  while (from < text.length) {
    const newline = text.indexOf('\n', from);
    const end = newline < 0 ? text.length : newline;
    yield text.slice(from, text[end - 1] === '\r' ? end - 1 : end);
    from = end + 1;
  }
}

function decodeBase64(base64: string, where: string): string {
  try {
    return atob(base64);
  } catch (cause) {
    throw new TextError(where, 'the token is not base64', again, { cause });
  }
}
