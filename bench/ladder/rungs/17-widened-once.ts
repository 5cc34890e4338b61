import { prepareProduct } from '../product.ts';
import type { Problem, Rung } from '../rung.ts';

// #region kernel
const prepare = (problem: Problem) => prepareProduct('widened', problem);
// #endregion

export const rung: Rung = {
  name: '17-widened-once',
  title: 'bfloat16, a panel widened once',
  prediction:
    'Many rows: 8 KB of a panel are widened once for 128 rows, not for each tile of four: some 700 cycles beside 32 thousand, so the tiles run as with float32 again and 2 % are lost: 1.2 times. One row has nobody to share with and widens in registers as before.',
  predicted: { prefill: 1.2, decode: 1 },
  why: '',
  shows: [
    ['kernels/simd/product.ts', 'product'],
    ['kernels/simd/product.ts', 'widen'],
  ],
  instructions: 'simd',
  threads: 'one',
  weightBytes: 2,
  prepare,
};
