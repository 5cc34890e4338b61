import type { Rung } from '../rung.ts';
import { overTiles } from './13-wider-tile.ts';

// #region kernel
const prepare = overTiles(6);
// #endregion

export const rung: Rung = {
  name: '14-too-wide',
  title: 'Too wide a tile: 6 × 8',
  prediction:
    'Eight loads for twelve multiply-adds would be better still, but 12 sums + 2 weights + 6 x + 1 product are 21 registers of 16: some sums are written to the stack and read again in every step. A quarter slower. One row is as before.',
  predicted: { prefill: 0.75, decode: 1 },
  why: 'A quarter slower, as expected. Sixteen registers are the budget, and V8 moves all loads of a loop to its top, where they count together. The widest tile is not the best one; the widest that fits is.',
  instructions: 'simd',
  threads: 'one',
  weightBytes: 4,
  prepare,
};
