import { prepareProduct } from '../product.ts';
import type { Problem, Rung } from '../rung.ts';

// #region kernel
const prepare = (problem: Problem) => prepareProduct('float32', problem);
// #endregion

export const rung: Rung = {
  name: '15-cache-blocks',
  title: 'Blocks for the caches',
  prediction:
    'Back to 4 × 8. A panel is 128 KB, so each tile read it from the second-level cache; in blocks of 256 k it is 8 KB and stays in the first. The tile asks for 32 bytes of weights in a step of 8 cycles, which the second level delivers too: 1.4 times the rung before, a tenth more than the tile alone. One row takes three panels at a time, six chains: 1.3 times.',
  predicted: { prefill: 1.45, decode: 1.3 },
  why: 'Back to the speed of the tile alone, and no tenth more: the second-level cache of this processor (2 MB, 48 bytes a cycle) did not hold the tile up, so there was nothing to gain. The blocks stay for longer sums (K = 11,008 makes a panel of 352 KB) and smaller caches. Decode gains what was predicted, from three panels side by side: nine tenths of the sweep.',
  shows: [['kernels/simd/product.ts', 'product']],
  instructions: 'simd',
  threads: 'one',
  weightBytes: 4,
  prepare,
};
