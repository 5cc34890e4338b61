import type { Rung } from '../rung.ts';

// #region kernel
function product(x: number[][], w: number[][]): number[][] {
  const y = [];
  for (const row of x) {
    const results = [];
    for (const weights of w) {
      let sum = 0;
      for (let k = 0; k < row.length; k++) sum += row[k] * weights[k];
      results.push(sum);
    }
    y.push(results);
  }
  return y;
}
// #endregion

const rows = (values: Float32Array, width: number): number[][] =>
  Array.from({ length: values.length / width }, (_, i) => Array.from(values.subarray(i * width, (i + 1) * width)));

export const rung: Rung = {
  name: '01-nested-arrays',
  title: 'Nested arrays',
  prediction:
    'Each addition waits for the one before, about 4 cycles: 2 operations in 4 cycles of a 3 GHz machine are 1.5 GFLOP/s at best, for both products. Checks of bounds and of holes in arrays cost something on top: 1 GFLOP/s.',
  why: 'About as expected, for another reason. A step takes between four and five cycles, but an addition waits only two for the one before on this processor (the SIMD rung shows it). The rest is what JavaScript does around the two operations: compare the index with two lengths, look for holes, count. The time of a row is the same for both products, so arithmetic is the limit even of decode, at less than half of what memory gives.',
  instructions: 'scalar',
  threads: 'one',
  rows: 28,
  weightBytes: 8,
  prepare({ x, w, K }) {
    const [rowsOfX, rowsOfW] = [rows(x, K), rows(w, K)];
    let y: number[][] = [];
    return {
      run() {
        y = product(rowsOfX, rowsOfW);
      },
      result: () => y.flat(),
    };
  },
};
