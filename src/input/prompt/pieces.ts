/**
 * A message as pieces, as text and as ids, and the way from each to each:
 *
 * | from   | to pieces      | to text                 | to ids                                |
 * | ------ | -------------- | ----------------------- | ------------------------------------- |
 * | pieces |                | `formatPieces`          | `rawPrompt`, `chatPrompt` (prompt.ts) |
 * | text   | `parsePieces`  |                         | `encode` (tokenizer.ts)               |
 * | ids    | `decodePieces` | `decode` (tokenizer.ts) |                                       |
 *
 * Pieces and ids know what is a tag and what was only typed like one; text does not. So pieces become text only if nothing
 * in them looks like a special token, and a user's words go to ids by prompt.ts, without becoming text on the way.
 */
import { TextError } from '../../error.ts';
import { formatRegion, formatShape, readShape, type Shape } from '../boxes/grounding.ts';
import { splitAtSpecialTokens } from '../text/special-tokens.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import type { Content, Piece } from './prompt.ts';

export type PiecesOptions = {
  /** The number of the first image, the i of `Picture i` (default 1): one more than the images of the turns before. */
  readonly firstPicture?: number;
};

/** How many images there are; `firstPicture` of the next turn is greater by this. */
export const countPictures = (content: Content): number =>
  typeof content === 'string' ? 0 : content.filter((piece) => 'image' in piece).length;

/**
 * Pieces to text: `Picture i: <img>path</img>\n`, `<ref>…</ref><box>…</box>`, words. With `allowSpecial` words may hold
 * special tokens, as in prompt.ts. Throws a TextError for those that may not, and as `formatRegion`.
 */
export function formatPieces(
  content: Content,
  options: PiecesOptions & { readonly allowSpecial?: boolean } = {},
): string {
  const { firstPicture: first = 1, allowSpecial = false } = options;
  let picture = first;
  let text = '';
  let words = ''; // neighbouring words are looked at together: two halves of a tag are none, their sum is
  const putWords = (): void => {
    text += allowSpecial ? words : withoutSpecial(words);
    picture += words.split('<img>').length - 1;
    words = '';
  };
  for (const piece of typeof content === 'string' ? [{ text: content }] : content) {
    if ('text' in piece) {
      words += piece.text;
      continue;
    }
    let written: string;
    if ('image' in piece) {
      putWords();
      const tagged = `<img>${withoutSpecial(piece.image)}</img>`;
      written = piece.numbered === false ? tagged : `Picture ${picture}: ${tagged}\n`;
      picture++;
    } else {
      written = formatRegion({ ...piece, ref: piece.ref === null ? null : withoutSpecial(piece.ref) });
      if (written !== '') putWords(); // without a name and a shape, the words around it are neighbours
    }
    text += written;
  }
  putWords();
  return text;
}

/** Whether nothing in a text looks like a special token. */
export const isPlain = (text: string): boolean => splitAtSpecialTokens(text, 'all').length === 1;

function withoutSpecial(text: string): string {
  if (isPlain(text)) return text;
  const token = splitAtSpecialTokens(text, 'all')[1];
  throw new TextError('text', `${token} where only words may be`, 'leave it out, or make the prompt from pieces');
}

/**
 * Text to pieces, neighbouring words as one. Only what is written exactly as `formatPieces` writes it becomes an image or a
 * region, anything else stays words (`parseGrounding` is the reader that repairs): `formatPieces` with `allowSpecial` gives
 * every text back. A path is only a name, nothing is opened. Never throws; takes time linear in the text.
 */
export function parsePieces(text: string, options: PiecesOptions = {}): Piece[] {
  return assemble(splitAtSpecialTokens(text, 'image-tags'), options);
}

/**
 * Ids to pieces. Tags are those of the ids alone: words that look like a tag stay words. Special tokens of another kind are
 * spelled out. Never throws.
 */
export function decodePieces(tokenizer: Tokenizer, ids: Iterable<number>, options: PiecesOptions = {}): Piece[] {
  const { special } = tokenizer;
  const parts: string[] = [];
  let run: number[] = [];
  const endRun = (): void => {
    // The ids after <img> are bytes and filling: they are decoded with it, and its own spelling is taken away.
    const path = parts.at(-1) === '<img>';
    const text = tokenizer.decode(path ? [special.imageStart, ...run] : run);
    parts.push(path ? text.slice('<img>'.length) : text);
    run = [];
  };
  for (const id of ids) {
    if (id < special.refStart || id > special.imageEnd || !Number.isInteger(id)) {
      run.push(id);
      continue;
    }
    endRun();
    parts.push(special.names[id - special.endOfText]);
  }
  endRun();
  return assemble(parts, options);
}

/** Makes pieces of `[words, tag, words, tag, … words]`. */
function assemble(parts: string[], { firstPicture: first = 1 }: PiecesOptions): Piece[] {
  const pieces: Piece[] = [];
  let words = parts[0];
  let picture = first;
  let shapes: Shape[] | null = null; // those of the region that the next shape belongs to, if it follows at once
  const put = (piece: Piece): void => {
    if (words !== '') pieces.push({ text: words });
    words = '';
    pieces.push(piece);
  };
  for (let at = 1; at < parts.length; at += 2) {
    const tag = parts[at];
    const content = parts[at + 1];
    const closed = parts[at + 2] === `</${tag.slice(1)}`;
    const element = closed ? readElement(tag, content) : null;
    if (!element) {
      words += tag + content;
      if (tag === '<img>') picture++;
      shapes = null;
      continue;
    }
    at += 2;
    if ('image' in element) {
      const introduction = `Picture ${picture++}: `;
      const numbered = words.endsWith(introduction) && parts[at + 1].startsWith('\n');
      if (numbered) {
        words = words.slice(0, -introduction.length);
        parts[at + 1] = parts[at + 1].slice(1);
      }
      put(numbered ? element : { ...element, numbered });
      shapes = null;
    } else if ('ref' in element) {
      shapes = [];
      put({ ...element, shapes });
    } else if (shapes) {
      shapes.push(element.shape);
    } else {
      shapes = [element.shape];
      put({ ref: null, shapes });
    }
    words += parts[at + 1];
    if (words !== '') shapes = null;
  }
  if (words !== '') pieces.push({ text: words });
  return pieces;
}

/** What stands between a tag and its end; null if `formatPieces` would not write it so. */
function readElement(tag: string, content: string): { image: string } | { ref: string } | { shape: Shape } | null {
  if (!isPlain(content)) return null;
  if (tag === '<img>') return { image: content };
  if (tag === '<ref>') return { ref: content };
  let repaired = false;
  const shape = readShape(content, tag === '<box>' ? 2 : 4, true, () => {
    repaired = true;
  });
  return shape && !repaired && formatShape(shape) === content ? { shape } : null;
}
