import type { Matrix, Thread } from '../../../tensor/op.ts';
import { prepareGpuJs } from '../prepare-gpu-js.ts';
import type { Rung } from '../rung.ts';

// #region kernel
const kernel = function (this: Thread, x: Matrix, w: Matrix, K: number) {
  let sum = 0;
  for (let k = 0; k < K; k++) sum += x[this.thread.y][k] * w[this.thread.x][k];
  return sum;
};
// #endregion

export const rung: Rung = {
  name: '08-gpu-js-webasm',
  title: 'GPU.js, mode webasm',
  prediction:
    'The same kernel as WebAssembly with SIMD: four neighbouring columns at a time. But their weights are 16 KB apart, so the four lanes are gathered one by one, and the arguments are copied into its memory at every call. Twice as fast with many rows; with one row the copy of 64 MB counts as much as the product: the same.',
  predicted: { prefill: 2, decode: 1 },
  why: 'Nearly three times as fast for prefill, twice for decode: no checks of bounds, no float64. But a lane is one column, so the four weights of a step are fetched from four rows one by one and put together; it uses SIMD and reaches 4 % of what SIMD can do. The copy of 64 MB a call costs decode less than feared: its product takes longer still.',
  instructions: 'simd',
  threads: 'one',
  rows: 14,
  weightBytes: 4,
  prepare: (problem) => prepareGpuJs({ mode: 'webasm', kernel, results: 1, threads: 1 }, problem),
};
