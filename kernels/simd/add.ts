import type { Recipe } from '../../tensor/simd/recipe.ts';
import { func } from '../../tensor/wasm/code.ts';
import { f32x4, i32 } from '../../tensor/wasm/instructions.ts';
import { at, words } from './address.ts';
import { forLanes } from './lanes.ts';

/** `add`: y = x + addend, whose M rows repeat; D columns; the rows from `start` to `end`. */
export const add = func(
  'add',
  { x: 'i32', addend: 'i32', y: 'i32', M: 'i32', D: 'i32', start: 'i32', end: 'i32' },
  (code, { x, addend, y, M, D, start, end }) => {
    const bytes = code.let(words(D));
    code.for(start, end, 1, (row) => {
      const [a, b] = [code.let(at(x, row, bytes)), code.let(at(addend, i32.rem_u(row, M), bytes))];
      const sum = code.let(at(y, row, bytes));
      forLanes(code, 0, D, ({ load, store }) => store(sum, f32x4.add(load(a), load(b))));
    });
  },
);

export const recipes: readonly Recipe[] = [
  {
    op: 'add',
    kernels: [add],
    run: (host, [addend, x], { B, M, D }, y) =>
      host.run(add, { x: x.at, addend: addend.at, y: y.at, M, D }, B * M, B * M * D),
  },
];
