import { TextError } from '../../error.ts';
import { mergeByRank } from './bpe.ts';
import { type SpecialTokens, type SpecialUse, specialTokens, splitAtSpecialTokens } from './special-tokens.ts';
import { decodeAll, type TextStreamOptions, type TokenSource } from './text-stream.ts';
import { parseVocabulary } from './vocabulary.ts';

export type Tokenizer = TokenSource & {
  /** How many ids have a text: the ranks, then the special tokens. */
  readonly size: number;
  readonly special: SpecialTokens;
  /** Q: how many ids stand between `<img>` and `</img>`. */
  readonly imageTokens: number;
  /** The ids of a text. Special tokens are ordinary text unless `special` says otherwise. */
  encode(text: string, options?: { readonly special?: SpecialUse }): number[];
  /** The ids of an image, `<img>` and `</img>` included: Q + 2. */
  encodeImage(path: string): number[];
  /** The text of ids; see text-stream.ts. Never throws. */
  decode(ids: Iterable<number>, options?: TextStreamOptions): string;
};

/**
 * Qwen's split pattern. Its `\s` and `(?i:)` are Rust's: `\s` is Unicode's White_Space (JavaScript's adds U+FEFF and
 * lacks U+0085), and of the letters in the contractions only s has a third form, the long ſ.
 */
export const splitPattern =
  /'(?:[sSſ]|[tT]|[rR][eE]|[vV][eE]|[mM]|[lL][lL]|[dD])|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\p{White_Space}\p{L}\p{N}]+[\r\n]*|\p{White_Space}*[\r\n]+|\p{White_Space}+(?!\P{White_Space})|\p{White_Space}+/gu;

/** A regular expression's stack overflows on a single piece of ten million letters. */
const longestText = 2 ** 20;
/** Normalising n combining marks in a row takes n² steps; written languages put fewer than ten on a letter. */
const tooManyMarks = /(?<!\p{M})\p{M}{1025}/u;
const cachedPieces = 2 ** 15;
const longestCachedPiece = 48;

/**
 * A byte-level BPE tokenizer from the text of a `qwen.tiktoken` file (any number of ranks ≥ 256). `name` is the file's,
 * for errors; `imageTokens` the model's Q. Throws a TextError for a file that is not a vocabulary. `encode` and
 * `encodeImage` throw a TextError for an image that is not closed, holds a special token or whose path has more than Q
 * bytes, and for text that would take unbounded time: over 1,048,576 UTF-16 units, over 1,024 combining marks in a row.
 */
export function createTokenizer(text: string, name: string, imageTokens = 256): Tokenizer {
  const vocabulary = parseVocabulary(text, name);
  const { ranks, tokens } = vocabulary;
  const special = specialTokens(tokens.length);
  const cache = new Map<string, readonly number[]>();

  function pieceIds(piece: string): readonly number[] {
    const cached = cache.get(piece);
    if (cached) return cached;
    const bytes = binaryString(piece);
    const whole = ranks.get(bytes);
    const ids = whole === undefined ? mergeByRank(bytes, vocabulary) : [whole];
    if (piece.length <= longestCachedPiece) {
      if (cache.size === cachedPieces) cache.clear();
      cache.set(piece, ids);
    }
    return ids;
  }

  function appendText(ids: number[], text: string): void {
    for (const piece of text.match(splitPattern) ?? []) for (const id of pieceIds(piece)) ids.push(id);
  }

  /** Appends the Q ids that stand for a path: its bytes directly as ids, then `<imgpad>`. */
  function appendPath(ids: number[], path: string): void {
    const bytes = new TextEncoder().encode(path);
    if (bytes.length > imageTokens) {
      const found = `the path of an image has ${bytes.length} bytes, expected at most ${imageTokens}`;
      throw new TextError('text', found, 'use a shorter path or name');
    }
    for (const byte of bytes) ids.push(byte);
    for (let filled = bytes.length; filled < imageTokens; filled++) ids.push(special.imagePad);
  }

  const tokenizer: Tokenizer = {
    size: tokens.length + special.names.length,
    special,
    imageTokens,
    encode(text, { special: use = 'none' } = {}) {
      const ids: number[] = [];
      const parts = splitAtSpecialTokens(normalise(text), use);
      for (let part = 0; part < parts.length; part++) {
        if (part % 2 === 0) {
          appendText(ids, parts[part]);
          continue;
        }
        ids.push(special.ids.get(parts[part])!);
        if (parts[part] !== '<img>') continue;
        const closing: string | undefined = parts[part + 2];
        if (closing === undefined) throw new TextError('text', '<img> is not closed', 'put </img> after the path');
        if (closing !== '</img>') {
          throw new TextError(
            'text',
            `${closing} inside the path of an image`,
            'rename the image or put </img> before it',
          );
        }
        appendPath(ids, parts[++part]);
      }
      return ids;
    },
    encodeImage(path) {
      const normalised = normalise(path);
      const tag = splitAtSpecialTokens(normalised, 'image-tags')[1];
      if (tag) throw new TextError('text', `${tag} inside the path of an image`, 'rename the image');
      const ids = [special.imageStart];
      appendPath(ids, normalised);
      ids.push(special.imageEnd);
      return ids;
    },
    binary: (id) => tokens[id] ?? special.names[id - tokens.length],
    decode: (ids, options) => decodeAll(tokenizer, ids, options),
  };
  return tokenizer;
}

/** NFC, as the original does to all text, refusing what would take unbounded time or stack. */
function normalise(text: string): string {
  if (text.length > longestText) {
    throw new TextError('text', `${text.length} characters, at most ${longestText}`, 'encode it in parts');
  }
  if (tooManyMarks.test(text)) {
    throw new TextError('text', 'over 1024 combining marks in a row', 'remove them: no written language needs them');
  }
  return text.normalize('NFC');
}

/** The UTF-8 bytes of a piece as a binary string. */
function binaryString(piece: string): string {
  const bytes = new TextEncoder().encode(piece);
  if (bytes.length === piece.length) return piece; // ASCII is its own encoding
  let binary = '';
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return binary;
}
