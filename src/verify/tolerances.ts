import type { TapResult } from './golden.ts';

/**
 * The largest NMSE against float64 that an activation may have, as a multiple of PyTorch float32's own.
 *
 * `random`: the models of golden/quirks, whose weights are drawn. `trained`: the small checkpoint, whose attention is sharp
 * and magnifies the last bits of its scores, ours and PyTorch's by different luck, in a prompt of fifty tokens.
 */
const LARGEST_RATIO: Readonly<Record<string, { random: number; trained: number }>> = {
  // Float64 throughout: what remains is the rounding of the result that is read. Measured 0.005 and 0.008.
  cpu: { random: 0.1, trained: 0.1 },
  // Float32 like PyTorch, with sums in blocks of 32. Measured 0.64 and 0.65; one unblocked sum of 128 products made it 7.8.
  webasm: { random: 2, trained: 2 },
  // Float32 with functions whose accuracy is the driver's. Measured 0.66 on a software renderer.
  webgpu: { random: 10, trained: 10 },
  webgl2: { random: 10, trained: 10 },
  headlessgl: { random: 10, trained: 10 },
};

/**
 * An activation without a float64 twin is compared with PyTorch's float32, whose own error is not known there. It is taken
 * to be at most this often the largest of the twins': those are sums with a residual stream, which single branches lack.
 */
const BRANCH_NOISE = 4;

/** An activation that is farther from the original than it may be. */
export interface Excess {
  readonly name: string;
  readonly found: number;
  readonly allowed: number;
}

/** Judges measurements by the table above. @returns what exceeds it, nothing when all is well */
export function judge(results: readonly TapResult[], device: string, kind: 'random' | 'trained'): Excess[] {
  const ratio = LARGEST_RATIO[device][kind];
  const noise = Math.max(...results.map(({ exact }) => exact?.pytorch ?? 0));
  // ‖ours − theirs‖ ≤ ‖ours − exact‖ + ‖theirs − exact‖, both squared in an NMSE.
  const apart = (1 + Math.sqrt(ratio)) ** 2 * BRANCH_NOISE * noise;
  return results.flatMap(({ name, nmse, exact }) => {
    const [found, allowed] = exact ? [exact.ours, ratio * exact.pytorch] : [nmse, apart];
    return found <= allowed ? [] : [{ name, found, allowed }];
  });
}
