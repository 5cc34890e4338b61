import type { Matrix, Thread } from '../../../tensor/op.ts';
import type { GpuRung } from '../gpu-rung.ts';
import { prepareOnGpu } from '../prepare-on-gpu.ts';

// #region kernel
/** Four neighbouring columns a thread: x is loaded once for four terms. */
const kernel = function (this: Thread, x: Matrix, w: Matrix, K: number) {
  const first = 4 * this.thread.x;
  let a = 0;
  let b = 0;
  let c = 0;
  let d = 0;
  for (let k = 0; k < K; k++) {
    const value = x[this.thread.y][k];
    a += value * w[first][k];
    b += value * w[first + 1][k];
    c += value * w[first + 2][k];
    d += value * w[first + 3][k];
  }
  return [a, b, c, d];
};
// #endregion

export const rung: GpuRung = {
  name: '25-array4',
  title: 'GPU.js, webgpu, Array(4)',
  prediction:
    'Five loads for four terms instead of eight, and one loop for four. 1.5 times as fast, on a GPU as in software; less for one row, which leaves fewer threads.',
  why: 'Twice as fast, on many rows and on one, better than predicted: it is the loop that counts here, not its loads. A step compares the counter as a float and as an integer and reads three sizes from a uniform, and four terms now share that. It is the fastest of GPU.js in this table, but `Array(4)` results cannot feed another kernel on webgpu, so a model cannot be built of them.',
  prepare: (problem) => prepareOnGpu({ mode: 'webgpu', kernel, results: 4 }, problem),
};
