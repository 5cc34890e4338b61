/** How fast a training run learns, step by step. */
export interface Schedule {
  readonly peak: number;
  readonly minimum: number;
  /** Steps of warm-up; the peak is at the last of them. */
  readonly warmup: number;
  /** Steps in all; the minimum is at the last of them. */
  readonly steps: number;
}

/**
 * Linear warm-up, then half a cosine from the peak to the minimum (Loshchilov and Hutter 2016, arXiv 1608.03983, equation 5, one period):
 *
 * ```
 * peak · s / W                                                    s ≤ W
 * minimum + (peak − minimum) · ½ (1 + cos(π (s − W) / (N − W)))   s > W
 * ```
 *
 * Quirk: the schedule of the library that the released script uses begins at 0 and ends at 0 instead; the paper names both ends.
 *
 * @param step counted from 1
 */
export function learningRate(step: number, { peak, minimum, warmup, steps }: Schedule): number {
  if (step <= warmup) return (peak * step) / warmup;
  const way = Math.min(1, (step - warmup) / (steps - warmup));
  return minimum + ((peak - minimum) * (1 + Math.cos(Math.PI * way))) / 2;
}
