import { prepareProduct } from '../product.ts';
import type { Problem, Rung } from '../rung.ts';

// #region kernel
const prepare = (problem: Problem) => prepareProduct('bfloat16', problem);
// #endregion

export const rung: Rung = {
  name: '16-bfloat16',
  title: 'bfloat16 weights',
  prediction:
    'Half the bytes. One row is bound by memory, so nearly twice as fast: 1.8 times. Many rows are bound by arithmetic, and each weight costs a shuffle and a shift more in every tile: 0.8 times.',
  predicted: { prefill: 0.8, decode: 1.8 },
  why: 'Both as predicted. Decode takes not much more than half the time, at nearly the same bytes a second: this is what bound by memory means. Prefill pays for widening: two vectors of weights cost two shuffles and two shifts more, on units that multiply and add otherwise, for every tile of four rows anew.',
  shows: [['kernels/simd/weight-types.ts', 'loadWeights']],
  instructions: 'simd',
  threads: 'one',
  weightBytes: 2,
  prepare,
};
