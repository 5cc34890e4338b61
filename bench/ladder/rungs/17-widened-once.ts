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
  why: 'As predicted: many rows run like float32 again, and read half the bytes. The widened block is written and read in the first-level cache, where the tile would have had its weights anyway. One row is the rung before: it is widened where it is used, in registers, since memory is what it waits for. Between 20 and 24 rows both take the same time, and there the model changes from one to the other.',
  shows: [
    ['kernels/simd/product.ts', 'product'],
    ['kernels/simd/widen.ts', 'widen'],
  ],
  instructions: 'simd',
  threads: 'one',
  weightBytes: 2,
  prepare,
};
