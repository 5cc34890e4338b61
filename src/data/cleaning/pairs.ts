/** Which web pairs of a picture and a text are kept (the paper, section 3.1 and its appendix on data). */
import { cleanText } from './text.ts';

export interface WebPair {
  /** In pixels. */
  readonly width: number;
  readonly height: number;
  readonly text: string;
  /** How well both fit by a CLIP model that the set was scored with, if it was. */
  readonly similarity?: number;
  /** The set that it is from. */
  readonly dataset: string;
}

/** The paper names the rules, not their limits: these are the usual ones, and can be given otherwise. */
export interface PairLimits {
  /** The longer side over the shorter. */
  readonly aspect: number;
  /** Pixels of the shorter side. */
  readonly side: number;
  /** The least similarity, by data set ("harsh, and by dataset" in the paper); `other` for those not named. */
  readonly similarity: Readonly<Record<string, number>>;
  /** The fewest and most characters of a text. */
  readonly length: readonly [number, number];
}

export const PAIR_LIMITS: PairLimits = { aspect: 3, side: 64, similarity: { other: 0.28 }, length: [5, 300] };

/**
 * The rules in the order in which they are asked. Each says why a pair is dropped, or null. Texts are cleaned before.
 */
export const PAIR_RULES = {
  size({ width, height }: WebPair, { side }: PairLimits) {
    const shorter = Math.min(width, height);
    return shorter >= side ? null : `${shorter} pixels on a side, fewer than ${side}`;
  },
  'aspect ratio'({ width, height }: WebPair, { aspect }: PairLimits) {
    const ratio = Math.max(width, height) / Math.min(width, height);
    return ratio <= aspect ? null : `${ratio.toFixed(1)} times as long as wide, more than ${aspect}`;
  },
  /** A pair that was not scored is judged by the other rules. */
  similarity({ similarity, dataset }: WebPair, limits: PairLimits) {
    const least = Object.hasOwn(limits.similarity, dataset) ? limits.similarity[dataset] : limits.similarity.other;
    if (similarity === undefined || similarity >= least) return null;
    return `a similarity of ${similarity}, less than ${least}`;
  },
  emoji({ text }: WebPair) {
    // Digits, # and * are emoji by Unicode's property alone, not by themselves.
    const found = /\p{Emoji_Presentation}|\p{Extended_Pictographic}\ufe0f/u.exec(text)?.[0];
    return found === undefined ? null : `the emoji ${found}`;
  },
  language({ text }: WebPair) {
    const found = /[^\p{Script=Han}\p{Script=Common}A-Za-z]/u.exec(text)?.[0];
    return found === undefined ? null : `the character ${found}, neither English nor Chinese`;
  },
  length({ text }: WebPair, { length: [least, most] }: PairLimits) {
    const length = [...text].length;
    return length >= least && length <= most ? null : `${length} characters, expected ${least} to ${most}`;
  },
} as const satisfies Record<string, (pair: WebPair, limits: PairLimits) => string | null>;

export type PairRule = keyof typeof PAIR_RULES;

/** What became of a pair. */
export type Verdict =
  | { readonly kept: true; readonly text: string }
  | { readonly kept: false; readonly rule: PairRule; readonly why: string };

/** Cleans a pair's text and asks all rules; the first that drops it is named. */
export function judgePair(pair: WebPair, limits = PAIR_LIMITS): Verdict {
  const text = cleanText(pair.text);
  for (const [rule, judge] of Object.entries(PAIR_RULES) as [PairRule, (typeof PAIR_RULES)[PairRule]][]) {
    const why = judge({ ...pair, text }, limits);
    if (why !== null) return { kept: false, rule, why };
  }
  return { kept: true, text };
}

/** A row as in the paper's table of what cleaning leaves (of 5 billion pairs 1.4), with the pairs that each rule dropped. */
export interface CleaningCounts {
  readonly dataset: string;
  readonly original: number;
  readonly kept: number;
  readonly dropped: Readonly<Partial<Record<PairRule, number>>>;
}

/** Judges all pairs and counts, set by set, then all together as `total`. */
export function cleanPairs(
  pairs: Iterable<WebPair>,
  limits = PAIR_LIMITS,
): { readonly kept: WebPair[]; readonly counts: CleaningCounts[] } {
  const rows = new Map<string, { original: number; kept: number; dropped: Partial<Record<PairRule, number>> }>();
  const kept: WebPair[] = [];
  const total = { original: 0, kept: 0, dropped: {} as Partial<Record<PairRule, number>> };
  for (const pair of pairs) {
    const row = rows.get(pair.dataset) ?? { original: 0, kept: 0, dropped: {} };
    rows.set(pair.dataset, row);
    const verdict = judgePair(pair, limits);
    for (const count of [row, total]) {
      count.original++;
      if (verdict.kept) count.kept++;
      else count.dropped[verdict.rule] = (count.dropped[verdict.rule] ?? 0) + 1;
    }
    if (verdict.kept) kept.push({ ...pair, text: verdict.text });
  }
  const counts = [...rows].map(([dataset, row]) => ({ dataset, ...row }));
  return { kept, counts: [...counts, { dataset: 'total', ...total }] };
}
