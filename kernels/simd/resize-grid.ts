import type { Recipe } from '../../tensor/simd/recipe.ts';
import { type Code, func } from '../../tensor/wasm/code.ts';
import { f32, f32x4, i32, memory, select } from '../../tensor/wasm/instructions.ts';
import type { Local, Value } from '../../tensor/wasm/values.ts';
import { at, words } from './address.ts';
import { forLanes } from './lanes.ts';

/**
 * `resizeGrid`: bicubic interpolation (a = −0.75, half-pixel centres, borders clamped, no antialiasing) of a `from` ×
 * `from` grid of vectors of D to `to` × `to`; the cells from `start` to `end`. It runs once a model, so it only need be
 * right.
 */
export const resizeGrid = func(
  'resizeGrid',
  { x: 'i32', y: 'i32', from: 'i32', to: 'i32', D: 'i32', start: 'i32', end: 'i32' },
  (code, { x, y, from, to, D, start, end }) => {
    const bytes = code.let(words(D));
    code.for(start, end, 1, (cell) => {
      const rows = neighbours(code, i32.div_u(cell, to), from, to);
      const columns = neighbours(code, i32.rem_u(cell, to), from, to);
      const target = code.let(at(y, cell, bytes));
      forLanes(code, 0, D, ({ load, store }) => {
        const sum = code.let(f32x4.const(0));
        for (const row of rows) {
          const line = code.let(f32x4.const(0));
          for (const column of columns) {
            const source = at(x, i32.add(i32.mul(row.index, from), column.index), bytes);
            code.set(line, f32x4.add(line, f32x4.mul(f32x4.splat(column.weight), load(source))));
          }
          code.set(sum, f32x4.add(sum, f32x4.mul(f32x4.splat(row.weight), line)));
        }
        store(target, sum);
      });
    });
  },
);

/** The four cells along one axis around the centre of cell `index` of the result, and their weights. */
function neighbours(code: Code, index: Value<'i32'>, from: Local<'i32'>, to: Local<'i32'>) {
  const { add, sub, mul, div, floor, abs } = f32;
  const scaled = div(mul(add(f32.convert_i32_u(index), 0.5), f32.convert_i32_u(from)), f32.convert_i32_u(to));
  const centre = code.let(sub(scaled, 0.5));
  const base = code.let(floor(centre));
  return [-1, 0, 1, 2].map((step) => {
    const t = code.let(abs(sub(centre, add(base, step))));
    const inner = add(mul(mul(sub(mul(1.25, t), 2.25), t), t), 1);
    const outer = add(mul(sub(mul(add(mul(-0.75, t), 3.75), t), 6), t), 3);
    const cell = code.let(i32.add(i32.trunc_sat_f32_s(base), step));
    code.if(i32.lt_s(cell, 0), () => code.set(cell, 0));
    code.if(i32.ge_u(cell, from), () => code.set(cell, i32.sub(from, 1)));
    return { index: cell, weight: code.let(select(f32.gt(t, 1), outer, inner)) };
  });
}

/**
 * `resizeGridGradient`: its transpose, dx[cell] = Σ R[i, row] · R[j, column] · dy[i, j], R the weights along one side; the cells of the
 * grid that was resized from `start` to `end`. It runs once a step, so it only need be right.
 */
export const resizeGridGradient = func(
  'resizeGridGradient',
  { dy: 'i32', dx: 'i32', from: 'i32', to: 'i32', D: 'i32', start: 'i32', end: 'i32' },
  (code, { dy, dx, from, to, D, start, end }) => {
    const bytes = code.let(words(D));
    /** What a cell along one side gives to `index` of the result: of what is clamped several weights meet in one cell. */
    const shareOf = (index: Local<'i32'>, line: Local<'i32'>): Local<'f32'> => {
      const share = code.let(f32.add(0, 0));
      for (const { index: cell, weight } of neighbours(code, index, from, to)) {
        code.if(i32.eq(cell, line), () => code.set(share, f32.add(share, weight)));
      }
      return share;
    };
    code.for(start, end, 1, (cell) => {
      const [row, column] = [code.let(i32.div_u(cell, from)), code.let(i32.rem_u(cell, from))];
      const target = code.let(at(dx, cell, bytes));
      code.run(memory.fill(target, 0, bytes));
      code.for(0, to, 1, (i) => {
        const rowShare = shareOf(i, row);
        code.if(f32.gt(f32.abs(rowShare), 0), () =>
          code.for(0, to, 1, (j) => {
            const share = code.let(f32.mul(rowShare, shareOf(j, column)));
            code.if(f32.gt(f32.abs(share), 0), () => {
              const weight = code.let(f32x4.splat(share));
              const source = code.let(at(dy, i32.add(i32.mul(i, to), j), bytes));
              forLanes(code, 0, D, ({ load, store }) =>
                store(target, f32x4.add(load(target), f32x4.mul(weight, load(source)))),
              );
            });
          }),
        );
      });
    });
  },
);

export const recipes: readonly Recipe[] = [
  {
    op: 'resizeGrid',
    kernels: [resizeGrid],
    run: (host, [x], { from, to, D }, y) =>
      host.run(resizeGrid, { x: x.at, y: y.at, from, to, D }, to * to, 40 * to * to * D),
  },
  {
    op: 'resizeGridGradient',
    kernels: [resizeGridGradient],
    run: (host, [dy], { from, to, D }, y) =>
      host.run(resizeGridGradient, { dy: dy.at, dx: y.at, from, to, D }, from * from, 40 * to * to * D),
  },
];
