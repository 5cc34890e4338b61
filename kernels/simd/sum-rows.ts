import type { Recipe } from '../../tensor/simd/recipe.ts';
import { func } from '../../tensor/wasm/code.ts';
import { f32x4, i32, memory } from '../../tensor/wasm/instructions.ts';
import { at, WORD, words } from './address.ts';
import { forLanes } from './lanes.ts';

/** Rows that are added up before their sum joins the others', as in the kernels of GPU.js. */
const SUM_BLOCK = 32;

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
          forLanes(code, 0, D, ({ load, store }) => {
            const sum = code.let(f32x4.const(0));
            const part = code.let(f32x4.const(0));
            code.for(0, count, SUM_BLOCK, (first) => {
              code.set(part, f32x4.const(0));
              const last = code.let(i32.add(first, SUM_BLOCK));
              code.if(i32.lt_u(count, last), () => code.set(last, count));
              code.for(first, last, 1, (i) => {
                code.set(part, f32x4.add(part, load(at(x, i32.load(at(rows, i)), bytes))));
              });
              code.set(sum, f32x4.add(sum, part));
            });
            store(to, sum);
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
