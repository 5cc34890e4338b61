import type { Recipe } from '../../tensor/simd/recipe.ts';
import { func } from '../../tensor/wasm/code.ts';
import { i32, memory } from '../../tensor/wasm/instructions.ts';
import { at, WORD, words } from './address.ts';
import { storeSumsDown } from './lanes.ts';

/** `sumRows`: y[v] = Σ x[order[i]] over the span of v; D columns; the rows from `start` to `end`. */
export const sumRows = func(
  'sumRows',
  { x: 'i32', order: 'i32', span: 'i32', y: 'i32', D: 'i32', start: 'i32', end: 'i32' },
  (code, { x, order, span, y, D, start, end }) => {
    const bytes = code.let(words(D));
    code.for(start, end, 1, (row) => {
      const entry = code.let(at(span, row, 2 * WORD));
      const rows = code.let(at(order, i32.load(entry)));
      const count = code.let(i32.load(entry, WORD));
      const to = code.let(at(y, row, bytes));
      code.if(
        count,
        () =>
          storeSumsDown(code, { start: 0, end: D, count, to }, (columns, i) => {
            const from = code.let(at(x, i32.load(at(rows, i)), bytes));
            return columns.map(({ load }) => load(from));
          }),
        () => code.run(memory.fill(to, 0, bytes)),
      );
    });
  },
);

export const recipes: readonly Recipe[] = [
  {
    op: 'sumRows',
    kernels: [sumRows],
    run: (host, [order, span, x], { V, D, T }, y) =>
      host.run(sumRows, { x: x.at, order: order.at, span: span.at, y: y.at, D }, V, (V + T) * D),
  },
];
