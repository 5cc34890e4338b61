import { overArrays, type Rung } from '../rung.ts';

// #region kernel
function product(x: Float32Array, w: Float32Array, y: Float32Array, M: number, K: number, N: number): void {
  for (let n = 0; n < N; n++) {
    for (let m = 0; m < M; m++) {
      let sum = 0;
      for (let k = 0; k < K; k++) sum += x[m * K + k] * w[n * K + k];
      y[m * N + n] = sum;
    }
  }
}
// #endregion

export const rung: Rung = {
  name: '04-weights-first',
  title: 'Loop order: weights first',
  prediction:
    'Back to sums along k. With the weights outermost all rows of x use a row of weights while it is cached (16 KB), so 64 MB come from memory once and not once for every row of x. But 1.3 GFLOP/s ask for 2.6 GB/s only, which memory gives with ease: as fast as typed arrays, ten times the rung before.',
  predicted: { prefill: 10, decode: 10 },
  why: 'As fast as typed arrays, and about a tenth more for prefill: the order is right again, and nobody waits for memory at 2 GB/s. The benefit of using a cached row of weights for all rows of x comes when arithmetic is fast; it is laid out here for the rungs above.',
  instructions: 'scalar',
  threads: 'one',
  rows: 28,
  weightBytes: 4,
  prepare: overArrays(product),
};
