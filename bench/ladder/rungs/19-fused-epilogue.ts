import { prepareProduct } from '../product.ts';
import type { Problem, Rung } from '../rung.ts';

// #region kernel
const prepare = (problem: Problem) => prepareProduct('widened', problem, 'gelu');
// #endregion

export const rung: Rung = {
  name: '19-fused-epilogue',
  title: 'Fused epilogue',
  prediction:
    'The same operations, without 9 MB of results read and written again, which caches deliver in a millisecond: 1 % faster at most.',
  predicted: { prefill: 1.01, decode: 1 },
  why: 'About 1 %, at the limit of what can be told apart here. The arithmetic of GELU stays, only the way through memory is saved. On two cores with a large cache that is next to nothing; it grows with the number of threads that share one memory, and it saves a launch and a buffer in any case.',
  shows: [['kernels/simd/product.ts', 'finish']],
  instructions: 'simd',
  threads: 'one',
  weightBytes: 2,
  epilogue: 'gelu',
  prepare,
};
