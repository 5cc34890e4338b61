import type { Matrix, Thread } from '../../../tensor/op.ts';
import { prepareGpuJs } from '../prepare-gpu-js.ts';
import type { Rung } from '../rung.ts';

// #region kernel
/** Four neighbouring columns a thread. Beyond the edge the last column is computed again, and nobody looks. */
export const kernel = function (this: Thread, x: Matrix, w: Matrix, K: number, N: number) {
  const first = 4 * this.thread.x;
  const second = Math.min(first + 1, N - 1);
  const third = Math.min(first + 2, N - 1);
  const fourth = Math.min(first + 3, N - 1);
  let a = 0;
  let b = 0;
  let c = 0;
  let d = 0;
  for (let k = 0; k < K; k++) {
    const value = x[this.thread.y][k];
    a += value * w[first][k];
    b += value * w[second][k];
    c += value * w[third][k];
    d += value * w[fourth][k];
  }
  return [a, b, c, d];
};
// #endregion

export const rung: Rung = {
  name: '09-gpu-js-array4',
  title: 'GPU.js, webasm, Array(4)',
  prediction:
    'A thread that makes four results loads each x once instead of four times, and has four sums under way. Loads fall from 2 to 1.25 for a multiply-add: 1.6 times as fast. With one row the copy of the weights stays.',
  predicted: { prefill: 1.6, decode: 1.3 },
  why: 'Slower. GPU.js computes four threads at a time, so four columns a thread are sixteen rows of weights under way, each of them still gathered number by number. What was saved is the load of x, which was the cheap one. Caches are not the reason: with K = 4,112, which spreads the rows over the cache, it is hardly faster. On a GPU, where a load of neighbours is one transaction, the same trick pays.',
  instructions: 'simd',
  threads: 'one',
  rows: 14,
  weightBytes: 4,
  prepare: (problem) => prepareGpuJs({ mode: 'webasm', kernel, results: 4, threads: 1 }, problem),
};
