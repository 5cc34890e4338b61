import { prepareGpuJs } from '../prepare-gpu-js.ts';
import type { Rung } from '../rung.ts';
import { kernel } from './09-gpu-js-array4.ts';

// #region kernel
/** The kernel of the rung before; `asyncMode` splits its results over `poolSize` workers that share a memory. */
const settings = (threads: number) => ({ mode: 'webasm', kernel, results: 4, threads }) as const;
// #endregion

export const rung: Rung = {
  name: '10-gpu-js-threads',
  title: 'GPU.js, webasm, Array(4), threads',
  prediction:
    'Results are independent, so two threads are nearly twice as fast: 1.9 times. With one row there are 1,024 threads of four results, below the 4,096 from which GPU.js splits: nothing.',
  predicted: { prefill: 1.9, decode: 1 },
  why: 'Twice as fast: the work has no order and shares nothing but its input. Decode has 1,024 threads of GPU.js, too few for it to wake its workers, as expected.',
  instructions: 'simd',
  threads: 'all',
  rows: 28,
  weightBytes: 4,
  prepare: (problem, threads) => prepareGpuJs(settings(threads), problem),
};
