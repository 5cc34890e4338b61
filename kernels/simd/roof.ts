import { at } from './address.ts';
import { func } from './wasm/code.ts';
import { f32x4, i32, v128 } from './wasm/instructions.ts';

/**
 * Sums that run side by side: more than one multiplication and addition take cycles, so that none waits for another.
 */
const CHAINS = 12;

/** Operations of one turn of `multiplyAddRoof`. */
export const ROOF_OPERATIONS = CHAINS * 4 * 2;

/**
 * As many multiply-adds as the machine can do, from registers to registers: the roof of every product. Parameters:
 * `turns`, and `y`, 48 float32 that are read and written (the results have to go somewhere, or an optimiser leaves the
 * work out).
 */
export const multiplyAddRoof = func('multiplyAddRoof', { y: 'i32', turns: 'i32' }, (code, { y, turns }) => {
  const sums = Array.from({ length: CHAINS }, (_, i) => code.let(v128.load(y, 16 * i)));
  const [a, b] = [code.let(f32x4.const(0.5)), code.let(f32x4.const(1))];
  // The sum is multiplied too: a product of two constants would be computed once, before the loop.
  code.for(0, turns, 1, () => {
    for (const sum of sums) code.set(sum, code.multiplyAdd(sum, a, b));
  });
  for (const [i, sum] of sums.entries()) code.run(v128.store(y, sum, 16 * i));
});

/** Streams that are read side by side: one alone does not keep memory busy. */
const STREAMS = 4;

/**
 * Reads `bytes` (a multiple of 256) from `x` on once, and does nearly nothing else: the roof of a product with one row.
 * Parameter `y`: 16 float32 that are written.
 */
export const memoryRoof = func('memoryRoof', { x: 'i32', bytes: 'i32', y: 'i32' }, (code, { x, bytes, y }) => {
  const part = code.let(i32.div_u(bytes, STREAMS));
  const sums = Array.from({ length: 4 }, () => code.let(f32x4.const(0)));
  code.for(0, part, 64, (offset) => {
    for (let stream = 0; stream < STREAMS; stream++) {
      const from = code.let(i32.add(at(x, stream, part), offset));
      for (const [i, sum] of sums.entries()) code.set(sum, f32x4.add(sum, v128.load(from, 16 * i)));
    }
  });
  for (const [i, sum] of sums.entries()) code.run(v128.store(y, sum, 16 * i));
});
