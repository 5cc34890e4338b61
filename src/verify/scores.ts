/** What distances between scores mean for the tokens that are chosen from them. */
export interface ScoreMetrics {
  readonly rows: number;
  /** The Kullback-Leibler divergence from the reference's distribution to ours, in nats: the largest of all rows. */
  readonly maxDivergence: number;
  /** The smallest share of the reference's five highest that are among our five, over all rows. */
  readonly topOverlap: number;
  /** The smallest distance between the reference's two highest scores, over all rows. */
  readonly smallestMargin: number;
  /** Rows in which another token is the likeliest. */
  readonly flipCount: number;
  /** Those that the reference is surest of, at most twenty. */
  readonly flips: readonly Flip[];
}

/** A row of scores whose likeliest token is not the reference's. */
export interface Flip {
  readonly row: number;
  readonly expected: number;
  readonly found: number;
  /** By how much the reference prefers its token to ours: what tells noise from a bug, see `judge`. */
  readonly margin: number;
}

const TOP = 5;
const MOST_FLIPS = 20;

/**
 * @param ours `[rows, vocabulary]`
 * @param reference of the same shape
 */
export function measureScores(ours: ArrayLike<number>, reference: ArrayLike<number>, vocabulary: number): ScoreMetrics {
  const rows = reference.length / vocabulary;
  const flips: Flip[] = [];
  let maxDivergence = 0;
  let topOverlap = 1;
  let smallestMargin = Number.POSITIVE_INFINITY;
  for (let row = 0; row < rows; row++) {
    const a = rowOf(ours, row, vocabulary);
    const b = rowOf(reference, row, vocabulary);
    maxDivergence = Math.max(maxDivergence, divergence(b, a));
    const [ourTop, theirTop] = [highest(a, TOP), highest(b, TOP)];
    topOverlap = Math.min(topOverlap, theirTop.filter((id) => ourTop.includes(id)).length / theirTop.length);
    const [expected, second] = theirTop;
    if (second !== undefined) smallestMargin = Math.min(smallestMargin, b[expected] - b[second]);
    const found = ourTop[0];
    if (found === expected) continue;
    flips.push({ row, expected, found, margin: b[expected] - b[found] });
  }
  flips.sort((a, b) => b.margin - a.margin);
  return {
    rows,
    maxDivergence,
    topOverlap,
    smallestMargin,
    flipCount: flips.length,
    flips: flips.slice(0, MOST_FLIPS),
  };
}

const rowOf = (scores: ArrayLike<number>, row: number, width: number): Float64Array =>
  Float64Array.from({ length: width }, (_, i) => scores[row * width + i]);

/** The indices of the `count` highest scores, the highest first; of equal ones the first. A NaN is lowest. */
function highest(scores: Float64Array, count: number): number[] {
  const top: number[] = [];
  const value = (id: number) => (Number.isNaN(scores[id]) ? Number.NEGATIVE_INFINITY : scores[id]);
  for (let id = 0; id < scores.length; id++) {
    if (top.length === count && value(id) <= value(top[count - 1])) continue;
    const at = top.findIndex((other) => value(id) > value(other));
    top.splice(at < 0 ? top.length : at, 0, id);
    if (top.length > count) top.pop();
  }
  return top;
}

/** Σ p·(log p − log q) of the softmax distributions of two rows; never negative but for rounding. */
function divergence(p: Float64Array, q: Float64Array): number {
  const [logP, logQ] = [logSoftmax(p), logSoftmax(q)];
  let sum = 0;
  for (let i = 0; i < p.length; i++) {
    const probability = Math.exp(logP[i]);
    if (probability > 0) sum += probability * (logP[i] - logQ[i]);
  }
  return Number.isNaN(sum) ? Number.POSITIVE_INFINITY : Math.max(0, sum);
}

function logSoftmax(scores: Float64Array): Float64Array {
  const most = scores.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  const total = scores.reduce((sum, score) => sum + Math.exp(score - most), 0);
  return scores.map((score) => score - most - Math.log(total));
}
