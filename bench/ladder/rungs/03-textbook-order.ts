import { overArrays, type Rung } from '../rung.ts';

// #region kernel
function product(x: Float32Array, w: Float32Array, y: Float32Array, M: number, K: number, N: number): void {
  y.fill(0);
  for (let m = 0; m < M; m++) {
    for (let k = 0; k < K; k++) {
      const value = x[m * K + k];
      for (let n = 0; n < N; n++) y[m * N + n] += value * w[n * K + k];
    }
  }
}
// #endregion

export const rung: Rung = {
  name: '03-textbook-order',
  title: 'Loop order: the textbook’s',
  prediction:
    'Textbooks put the columns innermost: no sum waits for another, and rows are read from left to right. That is right for w[K, N]. Here weights are [N, K], so neighbouring steps are 16 KB apart: every weight costs a cache line of 64 bytes, 4,096 lines are under way at once, and they fall on a few sets of the cache. Ten times slower.',
  predicted: { prefill: 0.1, decode: 0.1 },
  why: 'Four times slower, not ten: lines of 64 bytes are fetched for 4, and 4,096 rows that are 16 KB apart do not stay cached until their next 4 bytes are due, but the processor keeps many fetches under way at once, for no sum waits here. Both products suffer alike. The order of the loops is a question to the layout, never a rule.',
  instructions: 'scalar',
  threads: 'one',
  rows: 2,
  weightBytes: 4,
  prepare: overArrays(product),
};
