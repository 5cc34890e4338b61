import { type Histogram, histogramOf } from './histogram.ts';
import { select } from './select.ts';

/**
 * How far an activation is from a reference. Pairs of the same value agree, infinities included, which a mask may be made of; what is
 * NaN agrees with nothing, not with another NaN either, and a pair of which only one is finite counts as infinitely far apart.
 */
export interface Metrics {
  readonly elements: number;
  /** Σ(a − b)² / Σb²: the error's share of the reference's energy. */
  readonly nmse: number;
  readonly maxAbsolute: number;
  /** The root mean square of the reference. */
  readonly rms: number;
  /** The largest |a − b| / (|b| + rms(b)): the root mean square is the floor that keeps values near 0 from counting. */
  readonly maxRelative: number;
  /** The cosine of the angle between the two, seen as vectors. */
  readonly cosine: number;
  /** |a − b| in units of the last place of a float32 as large as b. */
  readonly ulp: { readonly p50: number; readonly p99: number; readonly max: number };
  /** How many elements are no finite numbers. */
  readonly nonFinite: {
    readonly nan: number;
    readonly infinite: number;
    readonly referenceNan: number;
    readonly referenceInfinite: number;
  };
  readonly histogram: Histogram;
  /** The element with the largest maxRelative: its index, ours and the reference's value. */
  readonly worst: { readonly index: number; readonly actual: number; readonly reference: number };
}

/**
 * Measures an activation against a reference of the same number of elements.
 *
 * @throws RangeError when the sizes differ, or there is nothing to compare
 */
export function measure(actual: ArrayLike<number>, reference: ArrayLike<number>): Metrics {
  requireSameSize(actual, reference);
  const { length } = reference;
  const sums = sumsOf(actual, reference);
  const floor = Math.sqrt(sums.energy / length);
  const errors = new Float64Array(length);
  const ulps = new Float64Array(length);
  let maxAbsolute = 0;
  let maxRelative = 0;
  let maxUlp = 0;
  let index = 0;
  for (let i = 0; i < length; i++) {
    const error = differ(actual[i], reference[i]);
    errors[i] = error;
    ulps[i] = error === 0 ? 0 : error / lastPlace(reference[i]);
    if (ulps[i] > maxUlp) maxUlp = ulps[i];
    if (error > maxAbsolute) maxAbsolute = error;
    const relative = relativeTo(error, Math.abs(reference[i]) + floor);
    if (relative > maxRelative) [maxRelative, index] = [relative, i];
  }
  const rank = (share: number) => Math.min(length - 1, Math.floor(share * length));
  const p50 = select(ulps, rank(0.5));
  const p99 = select(ulps, rank(0.99), rank(0.5));
  return {
    elements: length,
    nmse: relativeTo(sums.error, sums.energy),
    maxAbsolute,
    rms: floor,
    maxRelative,
    cosine: cosineOf(sums),
    ulp: { p50, p99, max: maxUlp },
    nonFinite: sums.nonFinite,
    histogram: histogramOf(errors),
    worst: { index, actual: actual[index], reference: reference[index] },
  };
}

/** The NMSE alone. @throws RangeError as `measure` */
export function nmse(actual: ArrayLike<number>, reference: ArrayLike<number>): number {
  requireSameSize(actual, reference);
  const { error, energy } = sumsOf(actual, reference);
  return relativeTo(error, energy);
}

/** The signal-to-noise ratio of an NMSE, in decibels. */
export const decibels = (nmse: number): number => -10 * Math.log10(nmse);

function requireSameSize(actual: ArrayLike<number>, reference: ArrayLike<number>): void {
  if (actual.length !== reference.length || reference.length === 0) {
    throw new RangeError(`${actual.length} elements against ${reference.length} of the reference`);
  }
}

/** |a − b|; 0 for the same value, infinite ones too; infinite when only one is finite, or none is a number. */
function differ(a: number, b: number): number {
  if (a === b) return 0;
  const difference = Math.abs(a - b);
  return Number.isNaN(difference) ? Number.POSITIVE_INFINITY : difference;
}

/** An error as a share of a scale; no error is none of any scale. */
const relativeTo = (error: number, scale: number): number =>
  error === 0 ? 0 : error === Number.POSITIVE_INFINITY ? error : error / scale;

/**
 * The distance from |b| to the next float32, by b's exponent as float64 stores it, which is biased by 1023: 2⁻¹⁴⁹ for the smallest, 1
 * for what is no finite number.
 */
const LAST_PLACES = Float64Array.from({ length: 2048 }, (_, biased) =>
  biased === 2047 ? 1 : 2 ** (Math.max(biased - 1023, -126) - 23),
);

/** A float64, and its bits: the exponent stands in the upper word. */
const float = new Float64Array(1);
const words = new Uint32Array(float.buffer);
const UPPER = new Uint8Array(Uint16Array.of(1).buffer)[0];

function lastPlace(b: number): number {
  float[0] = b;
  return LAST_PLACES[(words[UPPER] >>> 20) & 2047];
}

interface Sums {
  error: number;
  energy: number;
  own: number;
  product: number;
  nonFinite: { nan: number; infinite: number; referenceNan: number; referenceInfinite: number };
}

/** The sums run over the elements that are finite on both sides; the error over all. */
function sumsOf(actual: ArrayLike<number>, reference: ArrayLike<number>): Sums {
  const nonFinite = { nan: 0, infinite: 0, referenceNan: 0, referenceInfinite: 0 };
  const sums: Sums = { error: 0, energy: 0, own: 0, product: 0, nonFinite };
  for (let i = 0; i < reference.length; i++) {
    const [a, b] = [actual[i], reference[i]];
    const error = differ(a, b);
    sums.error += error * error;
    if (Number.isFinite(a) && Number.isFinite(b)) {
      sums.energy += b * b;
      sums.own += a * a;
      sums.product += a * b;
      continue;
    }
    if (Number.isNaN(a)) nonFinite.nan++;
    else if (!Number.isFinite(a)) nonFinite.infinite++;
    if (Number.isNaN(b)) nonFinite.referenceNan++;
    else if (!Number.isFinite(b)) nonFinite.referenceInfinite++;
  }
  return sums;
}

/** 1 for two zero vectors, 0 when only one is zero. */
function cosineOf({ product, own, energy }: Sums): number {
  if (own === 0 || energy === 0) return own === energy ? 1 : 0;
  return Math.max(-1, Math.min(1, product / Math.sqrt(own) / Math.sqrt(energy)));
}
