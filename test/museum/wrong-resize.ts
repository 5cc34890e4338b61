import type { Picture } from '../../src/input/picture/picture.ts';

/** PIL's bicubic resize and CLIP's normalisation, plainly, with a switch for everything that is easily got wrong. */
export interface Recipe {
  /** Of the cubic kernel. */
  readonly a: number;
  /** Whether the kernel widens where the picture shrinks. */
  readonly antialiased: boolean;
  /** Whether the first pass goes along columns. */
  readonly verticalFirst: boolean;
  /** Whether weights are integers in units of 2⁻²². */
  readonly fixedPoint: boolean;
  /** Whether bytes stand between the passes, or what comes of the sums. */
  readonly bytesBetween: boolean;
  /** Where a sample's centre lies. */
  readonly centre: number;
  readonly mean: readonly number[];
  readonly deviation: readonly number[];
  readonly whole: number;
  /** Whether every step is rounded to float32. */
  readonly float32: boolean;
  readonly channelsLast: boolean;
}

export const RIGHT: Recipe = {
  a: -0.5,
  antialiased: true,
  verticalFirst: false,
  fixedPoint: true,
  bytesBetween: true,
  centre: 0.5,
  mean: [0.48145466, 0.4578275, 0.40821073],
  deviation: [0.26862954, 0.26130258, 0.27577711],
  whole: 255,
  float32: true,
  channelsLast: false,
};

export function resizeBy(recipe: Recipe, picture: Picture, side: number): Picture {
  const across = (from: Plane) => pass(recipe, from, side);
  const along = (from: Plane) => transposed(pass(recipe, transposed(from), side));
  const first: Plane = { ...picture, data: Float64Array.from(picture.data) };
  const { data } = recipe.verticalFirst ? across(along(first)) : along(across(first));
  return { width: side, height: side, data: Uint8Array.from(data, toByte) };
}

export function pixelsBy(recipe: Recipe, picture: Picture, side: number): Float32Array {
  const { data } = resizeBy(recipe, picture, side);
  const round = recipe.float32 ? Math.fround : (value: number) => value;
  const value = (i: number) => {
    const [mean, deviation] = [round(recipe.mean[i % 3]), round(recipe.deviation[i % 3])];
    return round(round(round(data[i] / recipe.whole) - mean) / deviation);
  };
  const area = side * side;
  return Float32Array.from(data, (_, at) => value(recipe.channelsLast ? at : 3 * (at % area) + Math.floor(at / area)));
}

interface Plane {
  readonly width: number;
  readonly height: number;
  readonly data: Float64Array;
}

const toByte = (value: number) => Math.min(255, Math.max(0, Math.floor(value + 0.5)));

/** Each row to `side` samples. */
function pass({ a, antialiased, fixedPoint, bytesBetween, centre: half }: Recipe, from: Plane, side: number): Plane {
  const { width, height } = from;
  if (width === side) return from;
  const scale = width / side;
  const stretch = antialiased ? Math.max(1, scale) : 1;
  const data = new Float64Array(height * side * 3);
  for (let x = 0; x < side; x++) {
    const centre = (x + half) * scale;
    const start = Math.max(0, Math.trunc(centre - 2 * stretch + 0.5));
    const end = Math.min(width, Math.trunc(centre + 2 * stretch + 0.5));
    const raw = Array.from({ length: end - start }, (_, k) => cubic((start + k - centre + 0.5) / stretch, a));
    const total = raw.reduce((sum, weight) => sum + weight, 0);
    const unit = 2 ** 22;
    const weights = raw.map((weight) => {
      const share = (weight / total) * unit;
      return fixedPoint ? Math.trunc(share + (share < 0 ? -0.5 : 0.5)) : share;
    });
    for (let y = 0; y < height; y++) {
      for (let channel = 0; channel < 3; channel++) {
        let sum = 0;
        for (const [k, weight] of weights.entries()) sum += weight * from.data[(y * width + start + k) * 3 + channel];
        data[(y * side + x) * 3 + channel] = bytesBetween ? toByte(sum / unit) : sum / unit;
      }
    }
  }
  return { width: side, height, data };
}

function cubic(distance: number, a: number): number {
  const x = Math.abs(distance);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
}

function transposed({ width, height, data }: Plane): Plane {
  const result = new Float64Array(data.length);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      for (let c = 0; c < 3; c++) result[(x * height + y) * 3 + c] = data[(y * width + x) * 3 + c];
    }
  }
  return { width: height, height: width, data: result };
}
