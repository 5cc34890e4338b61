import type { DeviceTimes } from '../../src/profile/device-times.ts';
import type { Timing } from '../measure.ts';

/** What a rung computes: `y[M, N] = x[M, K] · w[N, K]ᵀ`, with weights as PyTorch stores them. */
export interface Problem {
  readonly M: number;
  readonly K: number;
  readonly N: number;
  /** `[M, K]` */
  readonly x: Float32Array;
  /** `[N, K]`, numbers that bfloat16 can hold, so that every rung computes the same product. */
  readonly w: Float32Array;
  /** `[N]`, for rungs with an epilogue. */
  readonly bias: Float32Array;
}

/** A product that is ready to run, as often as one likes. */
export interface Prepared {
  run(): void | Promise<void>;
  /** `[M, N]`, what the last run computed. */
  result(): ArrayLike<number> | Promise<ArrayLike<number>>;
  /** The weights that it has, where it keeps them in fewer bits than those of the problem. */
  readonly w?: Float32Array;
  close?(): void | Promise<void>;
}

/** What the code of a rung is made of: numbers one by one, four at a time, or four at a time with fused multiply-add. */
export type Instructions = 'scalar' | 'simd' | 'fused';

/** The two products of the ladder: many rows, bound by arithmetic, and one row, bound by memory. */
export type ProductName = 'prefill' | 'decode';

/** One way to compute the product. It stands in `rungs/<name>.ts`, which shows what is between its `#region kernel` and `#endregion`. */
export interface Rung {
  readonly name: string;
  readonly title: string;
  /** What one expects and why; written before it was measured and never changed. */
  readonly prediction: string;
  /** The same as numbers: how many times as fast as the rung before. */
  readonly predicted?: Readonly<Record<ProductName, number>>;
  /** What the measurement showed, and why. */
  readonly why: string;
  /** Functions of other files that are its code as well: the file, from the root of the project, and the name. */
  readonly shows?: readonly (readonly [file: string, name: string])[];
  readonly instructions: Instructions;
  readonly threads: 'one' | 'all';
  /** Rows of x that a slow rung takes for prefill, where all would take too long; all by default. */
  readonly rows?: number;
  /** Bytes of a weight as the rung keeps it. */
  readonly weightBytes: number;
  /** K and N are multiples of so many, where weights are packed so. */
  readonly multiple?: number;
  /** What follows the product: `+ bias`, or `gelu(… + bias)`. */
  readonly epilogue?: 'bias' | 'gelu';
  /** Lays the problem out as the rung needs it, which is not timed. */
  prepare(problem: Problem, threads: number): Prepared | Promise<Prepared>;
}

/** What was measured of a rung that runs in a browser: a GPU's API, with a GPU behind it or a processor. */
export interface GpuRungResult {
  readonly name: string;
  readonly title: string;
  readonly prediction: string;
  readonly why: string;
  /** What the rung is written as. */
  readonly code: string;
  /** What runs: as GPU.js generated it, or as it was written by hand. */
  readonly shader: { readonly language: 'wgsl' | 'glsl'; readonly text: string };
  /** What the browser says of what renders. */
  readonly adapter: string;
  /** Whether that is a processor: then its times say nothing about GPUs. */
  readonly softwareRendered: boolean;
  readonly runs: readonly {
    readonly product: ProductName;
    readonly M: number;
    readonly K: number;
    readonly N: number;
    readonly timing: Timing;
    /** One more run by the device's own clock; null where it has none. */
    readonly device: DeviceTimes | null;
  }[];
}

/** The rungs in a browser, or why there are none. */
export type GpuResults = readonly GpuRungResult[] | { readonly unavailable: string };

/** A product over typed arrays, as it is prepared. */
export const overArrays =
  (product: (x: Float32Array, w: Float32Array, y: Float32Array, M: number, K: number, N: number) => void) =>
  ({ M, K, N, x, w }: Problem): Prepared => {
    const y = new Float32Array(M * N);
    return { run: () => product(x, w, y, M, K, N), result: () => y };
  };
