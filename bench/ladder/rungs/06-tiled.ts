import { overArrays, type Rung } from '../rung.ts';
import { dot } from './05-unrolled.ts';

// #region kernel
/** Two rows of x and four of w make eight results: six loads for eight multiply-adds. */
function tile(x: Float32Array, w: Float32Array, y: Float32Array, m: number, n: number, K: number, N: number): void {
  const [x0, x1] = [m * K, (m + 1) * K];
  const [w0, w1, w2, w3] = [n * K, (n + 1) * K, (n + 2) * K, (n + 3) * K];
  let a0 = 0;
  let a1 = 0;
  let a2 = 0;
  let a3 = 0;
  let b0 = 0;
  let b1 = 0;
  let b2 = 0;
  let b3 = 0;
  for (let k = 0; k < K; k++) {
    const a = x[x0 + k];
    const b = x[x1 + k];
    const p = w[w0 + k];
    const q = w[w1 + k];
    const r = w[w2 + k];
    const s = w[w3 + k];
    a0 += a * p;
    a1 += a * q;
    a2 += a * r;
    a3 += a * s;
    b0 += b * p;
    b1 += b * q;
    b2 += b * r;
    b3 += b * s;
  }
  y.set([a0, a1, a2, a3], m * N + n);
  y.set([b0, b1, b2, b3], (m + 1) * N + n);
}

function product(x: Float32Array, w: Float32Array, y: Float32Array, M: number, K: number, N: number): void {
  const [rows, columns] = [M - (M % 2), N - (N % 4)];
  for (let n = 0; n < columns; n += 4) {
    for (let m = 0; m < rows; m += 2) tile(x, w, y, m, n, K, N);
  }
  // What is left at the edges, and all of a product with one row.
  for (let n = 0; n < N; n++) {
    for (let m = n < columns ? rows : 0; m < M; m++) y[m * N + n] = dot(x, w, m * K, n * K, K);
  }
}
// #endregion

export const rung: Rung = {
  name: '06-tiled',
  title: 'Tiled: eight results at once',
  prediction:
    'A number that is loaded once serves four or two results: 0.75 loads and conversions for a multiply-add instead of 2, and eight chains. Arithmetic should become the limit, about 5 GFLOP/s: 1.8 times. One row has no second one to share with: decode stays.',
  predicted: { prefill: 1.8, decode: 1 },
  why: 'Twice as fast, a little better than expected, though at less than half of the scalar roof: six loads with all their checks now serve eight multiply-adds instead of four. This is the first rung that attacks what the time is really spent on. The limit that remains is the language: one number at a time, in float64, every access checked. Decode has no second row to share with and falls back to the dot product.',
  instructions: 'scalar',
  threads: 'one',
  rows: 56,
  weightBytes: 4,
  prepare: overArrays(product),
};
