/** From a picture to what the vision encoder sees: PIL's bicubic resize, and the normalisation of CLIP. */
import type { Picture } from './picture.ts';

/** CLIP's mean and standard deviation of red, green and blue. */
const mean = [0.48145466, 0.4578275, 0.40821073];
const deviation = [0.26862954, 0.26130258, 0.27577711];

/** The normalised value of each byte, by channel. */
const NORMALISED = [0, 1, 2].map(normalised);

/**
 * The model's input: resized, then in float32 and in this order byte / 255, minus the mean, divided by the deviation.
 * @param side the model's `image_size` S
 * @returns [3, S, S], channels first
 */
export const pixels = (picture: Picture, side: number): Float32Array => pixelsOf([picture], side);

/** Several, one below the other: `[B·3·S, S]`. */
export function pixelsOf(pictures: readonly Picture[], side: number): Float32Array {
  const plane = side * side;
  const result = new Float32Array(pictures.length * 3 * plane);
  const [red, green, blue] = NORMALISED;
  for (const [number, picture] of pictures.entries()) {
    const { data } = resize(picture, side);
    for (let i = 0, from = 0, to = number * 3 * plane; i < plane; i++, from += 3, to++) {
      result[to] = red[data[from]];
      result[to + plane] = green[data[from + 1]];
      result[to + 2 * plane] = blue[data[from + 2]];
    }
  }
  return result;
}

/** Storing into a Float32Array rounds to float32 after every step. */
function normalised(channel: number): Float32Array {
  const values = Float32Array.from({ length: 256 }, (_, byte) => byte / 255);
  const [channelMean, channelDeviation] = [Math.fround(mean[channel]), Math.fround(deviation[channel])];
  for (let byte = 0; byte < 256; byte++) values[byte] -= channelMean;
  for (let byte = 0; byte < 256; byte++) values[byte] /= channelDeviation;
  return values;
}

/**
 * PIL's bicubic resize to S × S, which does not keep the aspect ratio and smooths where it shrinks: two passes,
 * horizontal first, bytes in between. A pass between equal sizes is skipped.
 *
 * Each row goes through both passes at once, into the sums of the few output rows that it touches. So the memory is that
 * of the output and of 16 bytes for each row and column, however large the picture.
 * @returns a picture of S × S; the original itself if that is its size
 */
export function resize(picture: Picture, side: number): Picture {
  const { width, height, data } = picture;
  if (width === side && height === side) return picture;
  const columns = width === side ? undefined : filters(width, side);
  const rows = height === side ? undefined : filters(height, side);
  const result = new Uint8Array(side * side * 3);
  const narrow = new Uint8Array(side * 3);
  const sums = Array.from({ length: rows ? side : 0 }, () => new Int32Array(side * 3).fill(half));

  // The output rows that the current row touches are first … next − 1: windows start and end in order.
  let first = 0;
  let next = 0;
  for (let y = 0; y < height; y++) {
    const wide = data.subarray(y * width * 3, (y + 1) * width * 3);
    const row = columns ? resizeRow(wide, columns, narrow) : wide;
    if (!rows) {
      result.set(row, y * side * 3);
      continue;
    }
    while (next < side && rows[next].start <= y) next += 1;
    while (first < next && rows[first].start + rows[first].weights.length <= y) first += 1;
    for (let i = first; i < next; i++) {
      const weight = rows[i].weights[y - rows[i].start];
      const sum = sums[i];
      for (let x = 0; x < row.length; x++) sum[x] += weight * row[x];
    }
  }
  for (const [i, sum] of sums.entries()) {
    for (let x = 0; x < sum.length; x++) result[i * side * 3 + x] = toByte(sum[x]);
  }
  return { width: side, height: side, data: result };
}

/** Weights are integers in units of 2⁻²²: floating-point ones would give other bytes. */
const precision = 22;
const half = 1 << (precision - 1);

function toByte(sum: number): number {
  return Math.min(255, Math.max(0, sum >> precision));
}

function resizeRow(row: Uint8Array, columns: Filter[], result: Uint8Array): Uint8Array {
  for (let i = 0, to = 0; i < columns.length; i++, to += 3) {
    const { start, weights } = columns[i];
    let [red, green, blue] = [half, half, half];
    for (let tap = 0, from = 3 * start; tap < weights.length; tap++, from += 3) {
      const weight = weights[tap];
      red = (red + weight * row[from]) | 0;
      green = (green + weight * row[from + 1]) | 0;
      blue = (blue + weight * row[from + 2]) | 0;
    }
    result[to] = toByte(red);
    result[to + 1] = toByte(green);
    result[to + 2] = toByte(blue);
  }
  return result;
}

/** An output sample is Σ weights[k] · input[start + k]. */
interface Filter {
  start: number;
  weights: Int32Array;
}

/** The filters from n samples to m: where they shrink, the kernel is stretched so that it still covers everything. */
function filters(n: number, m: number): Filter[] {
  const scale = n / m;
  const stretch = Math.max(1, scale);
  const support = 2 * stretch;
  return Array.from({ length: m }, (_, i) => {
    const centre = (i + 0.5) * scale;
    const start = Math.max(0, Math.trunc(centre - support + 0.5));
    const end = Math.min(n, Math.trunc(centre + support + 0.5));
    const weights = Float64Array.from({ length: end - start }, (_, k) => bicubic((start + k - centre + 0.5) / stretch));
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    return { start, weights: Int32Array.from(weights, (weight) => rounded((weight / total) * 2 ** precision)) };
  });
}

/** The cubic convolution kernel with a = −0.5 (Keys 1981, equation 4). */
function bicubic(distance: number): number {
  const a = -0.5;
  const x = Math.abs(distance);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  if (x < 2) return (((x - 5) * x + 8) * x - 4) * a;
  return 0;
}

/** To the nearest integer, halves away from zero. */
const rounded = (value: number) => Math.trunc(value + (value < 0 ? -0.5 : 0.5));
