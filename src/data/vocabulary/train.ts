import { splitAtSpecialTokens } from '../../input/text/special-tokens.ts';
import { splitPattern } from '../../input/text/tokenizer.ts';
import { collectVocabulary, type Vocabulary } from '../../input/text/vocabulary.ts';

/** A piece of the texts as its tokens' ranks, and how often it came. */
interface Piece {
  ranks: number[];
  readonly count: number;
}

/**
 * A byte-pair vocabulary of texts (Sennrich et al. 2016, algorithm 1, on bytes, within the pieces that Qwen's tokenizer splits at): the 256
 * bytes, then the neighbours that came most often together, one by one. Of equals the first by rank. The same texts give the same vocabulary.
 *
 * @param texts with special tokens spelled out: they are no part of it
 * @param ranks how many tokens to make, at least 256; fewer if the texts have no more neighbours
 */
export function trainVocabulary(texts: Iterable<string>, ranks: number): Vocabulary {
  const tokens = Array.from({ length: 256 }, (_, byte) => String.fromCharCode(byte));
  const pieces = countPieces(texts);
  while (tokens.length < ranks) {
    const pair = commonestPair(pieces, tokens.length);
    if (!pair) break;
    const [left, right] = pair;
    for (const piece of pieces) joinIn(piece, left, right, tokens.length);
    tokens.push(tokens[left] + tokens[right]);
  }
  const entries = tokens.map((token, rank) => ({ token, rank, where: `rank ${rank}` }));
  return collectVocabulary(entries, 'the vocabulary', 'train it on other texts');
}

function countPieces(texts: Iterable<string>): Piece[] {
  const counts = new Map<string, number>();
  for (const text of texts) {
    for (const [i, words] of splitAtSpecialTokens(text.normalize('NFC'), 'all').entries()) {
      if (i % 2 === 1) continue;
      for (const piece of words.match(splitPattern) ?? []) counts.set(piece, (counts.get(piece) ?? 0) + 1);
    }
  }
  const encoder = new TextEncoder();
  return Array.from(counts, ([text, count]) => ({ ranks: [...encoder.encode(text)], count }));
}

function commonestPair(pieces: readonly Piece[], size: number): [left: number, right: number] | undefined {
  const counts = new Map<number, number>();
  for (const { ranks, count } of pieces) {
    for (let i = 1; i < ranks.length; i++) {
      const pair = ranks[i - 1] * size + ranks[i];
      counts.set(pair, (counts.get(pair) ?? 0) + count);
    }
  }
  let best = -1;
  let most = 0;
  for (const [pair, count] of counts) {
    if (count > most || (count === most && pair < best)) [best, most] = [pair, count];
  }
  return best < 0 ? undefined : [Math.floor(best / size), best % size];
}

function joinIn(piece: Piece, left: number, right: number, joined: number): void {
  const { ranks } = piece;
  if (!ranks.some((rank, i) => rank === left && ranks[i + 1] === right)) return;
  const shorter: number[] = [];
  for (let i = 0; i < ranks.length; i++) {
    const found = ranks[i] === left && ranks[i + 1] === right;
    shorter.push(found ? joined : ranks[i]);
    if (found) i++;
  }
  piece.ranks = shorter;
}
