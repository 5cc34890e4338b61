import type { HostData } from '../../../tensor/device.ts';

/** What a tensor's elements are like. Those that are no finite numbers are counted, and left out of the rest. */
export interface Statistics {
  readonly elements: number;
  readonly nan: number;
  readonly infinite: number;
  readonly min: number;
  readonly max: number;
  readonly mean: number;
  /** The standard deviation, without Bessel's correction. */
  readonly deviation: number;
  readonly rms: number;
  /** How many lie in each of equal bins from `min` to `max`. */
  readonly histogram: readonly number[];
}

const BINS = 40;

export function statisticsOf(values: HostData): Statistics {
  let [nan, infinite, finite, sum, squares] = [0, 0, 0, 0, 0];
  let [min, max] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const value of values) {
    if (Number.isNaN(value)) nan++;
    else if (!Number.isFinite(value)) infinite++;
    else {
      finite++;
      sum += value;
      squares += value * value;
      if (value < min) min = value;
      if (value > max) max = value;
    }
  }
  const mean = sum / finite;
  let apart = 0; // from the mean: the difference of squares would cancel
  const histogram = new Array<number>(BINS).fill(0);
  const width = (max - min) / BINS || 1;
  for (const value of values) {
    if (!Number.isFinite(value)) continue;
    apart += (value - mean) ** 2;
    histogram[Math.min(BINS - 1, Math.floor((value - min) / width))]++;
  }
  return {
    ...{ elements: values.length, nan, infinite, min, max, mean },
    deviation: Math.sqrt(apart / finite),
    rms: Math.sqrt(squares / finite),
    histogram,
  };
}
