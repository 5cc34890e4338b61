import { at, words } from '../../../kernels/simd/address.ts';
import { forLanes, sumAcross } from '../../../kernels/simd/lanes.ts';
import { func } from '../../../tensor/wasm/code.ts';
import { f32, f32x4, i32 } from '../../../tensor/wasm/instructions.ts';
import { createArena } from '../arena.ts';
import type { Prepared, Problem, Rung } from '../rung.ts';

// #region kernel
/** One row of w with all rows of x, four terms at a time: a column of y. */
const column = func(
  'column',
  { x: 'i32', w: 'i32', y: 'i32', M: 'i32', K: 'i32', N: 'i32' },
  (code, { x, w, y, M, K, N }) => {
    code.for(0, M, 1, (m) => {
      const row = code.let(at(x, m, words(K)));
      const sum = code.let(f32x4.const(0));
      // Whole vectors, then what is left one by one.
      forLanes(code, 0, K, ({ load, once }) => code.set(sum, f32x4.add(sum, once(f32x4.mul(load(row), load(w))))));
      code.run(f32.store(at(y, i32.mul(m, N)), f32x4.extract_lane(sumAcross(code, sum), 0)));
    });
  },
);

function prepare({ M, K, N, x, w }: Problem): Prepared {
  const arena = createArena();
  const [compute] = arena.compile([column]);
  const [atX, atW, atY] = [arena.put(x), arena.put(w), arena.allocate(4 * M * N)];
  return {
    run() {
      for (let n = 0; n < N; n++) compute(atX, atW + 4 * n * K, atY + 4 * n, M, K, N);
    },
    result: () => arena.floats(atY, M * N),
  };
}
// #endregion

export const rung: Rung = {
  name: '11-simd',
  title: 'WebAssembly SIMD',
  prediction:
    'Emitted by hand: four float32 in one instruction, no conversion, no check of bounds. It is the dot product of the first rungs, so it is one chain of additions again, four lanes wide: 4 × 1.5 = 6 GFLOP/s, on one thread twice what GPU.js does on all. For one row nothing is copied: five times.',
  predicted: { prefill: 2, decode: 5 },
  why: 'Five times all of GPU.js on two threads, on one. The prediction took 4 cycles for an addition; this processor adds in 2 when the sum stays in the same unit, so the chain allows 12 GFLOP/s, and most of that is reached: a third of the roof, limited by the chain and by little else. Decode needs 8 GB/s, and comes near to what memory gives one thread.',
  instructions: 'simd',
  threads: 'one',
  rows: 56,
  weightBytes: 4,
  prepare,
};
