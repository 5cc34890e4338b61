import { prepareProduct } from '../product.ts';
import type { Rung } from '../rung.ts';

// #region kernel
/*
 * In the tile, instead of `v128.load(address)`: four bfloat16 become float32 by a shift.
 *
 *   i32x4.shl(v128.load16x4_u(address), 16)
 */
// #endregion

export const rung: Rung = {
  name: '16-bfloat16',
  title: 'bfloat16 weights',
  prediction:
    'Half the bytes. One row is bound by memory, so nearly twice as fast: 1.8 times. Many rows are bound by arithmetic, and each weight costs a shuffle and a shift more in every tile: 0.8 times.',
  predicted: { prefill: 0.8, decode: 1.8 },
  why: 'Both as predicted. Decode takes not much more than half the time, at nearly the same bytes a second: this is what bound by memory means. Prefill pays for widening: two vectors of weights cost two shuffles and two shifts more, on units that multiply and add otherwise, for every tile of four rows anew.',
  instructions: 'simd',
  threads: 'one',
  weightBytes: 2,
  prepare: (problem) => prepareProduct('bfloat16', problem),
};
