import type { Recipe } from '../../tensor/simd/recipe.ts';
import { func } from '../../tensor/wasm/code.ts';
import { i32, memory, select } from '../../tensor/wasm/instructions.ts';
import { at, words } from './address.ts';

/** `splice`: y[i] = rows[source[i]], or x[i] where source[i] is negative; D columns; the rows from `start` to `end`. */
export const splice = func(
  'splice',
  { x: 'i32', rows: 'i32', source: 'i32', y: 'i32', D: 'i32', start: 'i32', end: 'i32' },
  (code, { x, rows, source, y, D, start, end }) => {
    const bytes = code.let(words(D));
    code.for(start, end, 1, (row) => {
      const from = code.let(i32.load(at(source, row)));
      const origin = select(i32.lt_s(from, 0), at(x, row, bytes), at(rows, from, bytes));
      code.run(memory.copy(at(y, row, bytes), origin, bytes));
    });
  },
);

export const recipes: readonly Recipe[] = [
  {
    op: 'splice',
    kernels: [splice],
    run: (host, [x, rows, source], { T, D }, y) =>
      host.run(splice, { x: x.at, rows: rows.at, source: source.at, y: y.at, D }, T, T * D),
  },
];
