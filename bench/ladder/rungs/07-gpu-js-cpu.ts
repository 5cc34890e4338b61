import type { Matrix, Thread } from '../../../tensor/op.ts';
import { prepareGpuJs } from '../prepare-gpu-js.ts';
import type { Rung } from '../rung.ts';

// #region kernel
/** GPU.js reads the text of this function, and runs it once for each element `[thread.y][thread.x]` of the result. */
const kernel = function (this: Thread, x: Matrix, w: Matrix, K: number) {
  let sum = 0;
  for (let k = 0; k < K; k++) sum += x[this.thread.y][k] * w[this.thread.x][k];
  return sum;
};
// #endregion

export const rung: Rung = {
  name: '07-gpu-js-cpu',
  title: 'GPU.js, mode cpu',
  prediction:
    'GPU.js writes the loops around the kernel in plain JavaScript, over rows of typed arrays: the rung of typed arrays again, with an index of a row more in each step. Half of its 1.3 GFLOP/s, a sixth of the tiles.',
  predicted: { prefill: 0.17, decode: 0.3 },
  why: 'As expected. The kernel is the innermost loop of the first rungs, and every access finds a row of the matrix first. It is meant as a fallback and as a reference, not for speed.',
  shows: [['bench/ladder/prepare-gpu-js.ts', 'prepareGpuJs']],
  instructions: 'scalar',
  threads: 'one',
  rows: 14,
  weightBytes: 4,
  prepare: (problem) => prepareGpuJs({ mode: 'cpu', kernel, results: 1, threads: 1 }, problem),
};
