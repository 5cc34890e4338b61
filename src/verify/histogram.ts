/** How many errors lie where: buckets of half a decade of log10. */
export interface Histogram {
  /** Errors of exactly 0. */
  readonly zeros: number;
  /** Errors that are infinite: one side is no finite number. */
  readonly infinite: number;
  /** The first bucket holds 10^(first/2) ≤ error < 10^((first + 1)/2). */
  readonly first: number;
  readonly counts: readonly number[];
}

/** The buckets an error can fall into: from the smallest float64 to the largest. */
export const BUCKETS = { least: -648, most: 617 } as const;

/** @param errors not negative */
export function histogramOf(errors: Float64Array): Histogram {
  const counts = new Int32Array(BUCKETS.most - BUCKETS.least + 1);
  let zeros = 0;
  let infinite = 0;
  for (const error of errors) {
    if (error === 0) zeros++;
    else if (error === Number.POSITIVE_INFINITY) infinite++;
    else counts[Math.floor(2 * Math.log10(error)) - BUCKETS.least]++;
  }
  const first = counts.findIndex((count) => count > 0);
  if (first < 0) return { zeros, infinite, first: 0, counts: [] };
  const last = counts.findLastIndex((count) => count > 0);
  return { zeros, infinite, first: BUCKETS.least + first, counts: Array.from(counts.subarray(first, last + 1)) };
}
