import { overArrays, type Rung } from '../rung.ts';

// #region kernel
/** The dot product of a row of x and a row of w: four sums side by side, so that none waits for another. */
export function dot(x: Float32Array, w: Float32Array, fromX: number, fromW: number, K: number): number {
  let a = 0;
  let b = 0;
  let c = 0;
  let d = 0;
  const whole = K - (K % 4);
  for (let k = 0; k < whole; k += 4) {
    a += x[fromX + k] * w[fromW + k];
    b += x[fromX + k + 1] * w[fromW + k + 1];
    c += x[fromX + k + 2] * w[fromW + k + 2];
    d += x[fromX + k + 3] * w[fromW + k + 3];
  }
  for (let k = whole; k < K; k++) a += x[fromX + k] * w[fromW + k];
  return a + b + (c + d);
}

function product(x: Float32Array, w: Float32Array, y: Float32Array, M: number, K: number, N: number): void {
  for (let n = 0; n < N; n++) {
    for (let m = 0; m < M; m++) y[m * N + n] = dot(x, w, m * K, n * K, K);
  }
}
// #endregion

export const rung: Rung = {
  name: '05-unrolled',
  title: 'Unrolled: four sums',
  prediction:
    'Four chains of additions instead of one: up to four times as fast. Now loads count: two for each multiply-add, each with a conversion and a check of bounds. So rather twice.',
  predicted: { prefill: 2, decode: 2 },
  why: "A third faster, not twice. So the chain of additions was not what limited the loop: each multiply-add still takes two loads, two widenings, two index additions with a check of overflow and two checks of bounds, some fifteen instructions, and the processor is busy with them. What unrolling saves is the loop's own counting.",
  instructions: 'scalar',
  threads: 'one',
  rows: 28,
  weightBytes: 4,
  prepare: overArrays(product),
};
