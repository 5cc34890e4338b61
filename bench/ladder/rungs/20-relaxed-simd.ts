import { prepareLinear } from '../device.ts';
import type { Rung } from '../rung.ts';

// #region kernel
/*
 * In the tile, instead of `f32x4.add(f32x4.mul(value, weights), sum)`, wherever the engine has it (Node 20: with
 * --experimental-wasm-relaxed-simd, in a process of its own):
 *
 *   f32x4.relaxed_madd(value, weights, sum)
 */
// #endregion

export const rung: Rung = {
  name: '20-relaxed-simd',
  title: 'Relaxed SIMD',
  prediction:
    'One instruction instead of two, rounded once. The roof rises by half; loads, widening and the ends of the tiles stay: 1.3 times. One row waits for memory as before.',
  predicted: { prefill: 1.3, decode: 1 },
  why: '',
  instructions: 'fused',
  threads: 'all',
  weightBytes: 2,
  epilogue: 'bias',
  prepare: prepareLinear,
};
