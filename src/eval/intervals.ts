import { uniforms } from '../train/noise.ts';

/** Between which values a mean lies, with 95 % confidence. */
export type Interval = readonly [low: number, high: number];

/** The 97.5th percentile of the standard normal distribution. */
const Z = 1.959963984540054;

/** The interval of a share (Wilson 1927, "Probable inference, the law of succession, and statistical inference"). */
export function wilson(successes: number, of: number): Interval {
  if (of === 0) return [0, 1];
  const share = successes / of;
  const scale = 1 + Z ** 2 / of;
  const centre = share + Z ** 2 / (2 * of);
  const spread = Z * Math.sqrt((share * (1 - share)) / of + Z ** 2 / (4 * of ** 2));
  return [Math.max(0, (centre - spread) / scale), Math.min(1, (centre + spread) / scale)];
}

const RESAMPLES = 1000;

/** The interval of a mean of any scores: percentiles of the means of samples drawn from them with replacement (Efron 1979, "Bootstrap methods"). */
export function bootstrap(scores: readonly number[], seed = 0): Interval {
  if (scores.length === 0) return [Number.NaN, Number.NaN];
  const means = Array.from({ length: RESAMPLES }, (_, sample) => {
    const drawn = uniforms(`${seed} ${sample}`, scores.length);
    return drawn.reduce((sum, share) => sum + scores[Math.floor(share * scores.length)], 0) / scores.length;
  }).sort((a, b) => a - b);
  return [means[Math.floor(0.025 * RESAMPLES)], means[Math.ceil(0.975 * RESAMPLES) - 1]];
}
