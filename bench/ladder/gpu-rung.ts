import type { Prepared, Problem } from './rung.ts';

/** A product that is ready to run on a GPU, with the text that it was compiled from. */
export interface PreparedOnGpu extends Prepared {
  run(): Promise<void>;
  result(): Promise<ArrayLike<number>>;
  readonly shader: { readonly language: 'wgsl' | 'glsl'; readonly text: string };
}

/** One way to compute the product in a browser. It stands in `gpu-rungs/<name>.ts`, which shows its `#region kernel`. */
export interface GpuRung {
  readonly name: string;
  readonly title: string;
  /** What one expects and why; written before it was measured and never changed. */
  readonly prediction: string;
  /** What the measurement showed, and why. */
  readonly why: string;
  prepare(problem: Problem): Promise<PreparedOnGpu>;
}
