import { prepareLinear } from '../device.ts';
import type { Rung } from '../rung.ts';

// #region kernel
/** The same again, in an engine that has fused multiply-adds: Node 20 with --experimental-wasm-relaxed-simd. */
const prepare = prepareLinear;
// #endregion

export const rung: Rung = {
  name: '21-relaxed-simd',
  title: 'Relaxed SIMD',
  prediction:
    'One instruction instead of two, rounded once. The roof rises by half; loads, widening and the ends of the tiles stay: 1.3 times. One row waits for memory as before.',
  predicted: { prefill: 1.3, decode: 1 },
  why: 'As predicted: less than the roof rises. A step of the tile is 8 multiply-adds now and no longer 16 operations, but its 6 loads, the sums of its addresses and its branch are what they were, and no longer hide behind the arithmetic: four fifths of the roof remain. The result is rounded once where it was rounded twice, so it is closer to the equation, and no longer the same bytes on every machine. Decode waits for memory as before.',
  shows: [['tensor/wasm/code.ts', 'multiplyAdd']],
  instructions: 'fused',
  threads: 'all',
  weightBytes: 2,
  epilogue: 'bias',
  prepare,
};
