import type { Host } from '../../tensor/simd/bank.ts';
import type { Recipe } from '../../tensor/simd/recipe.ts';
import type { Stored } from '../../tensor/simd/stored.ts';
import { func } from '../../tensor/wasm/code.ts';
import { f32x4, i32, memory } from '../../tensor/wasm/instructions.ts';
import { at, words } from './address.ts';
import { forLanes } from './lanes.ts';

const PARAMETERS = {
  x: 'i32',
  y: 'i32',
  C: 'i32',
  first: 'i32',
  width: 'i32',
  stride: 'i32',
  groups: 'i32',
  start: 'i32',
  end: 'i32',
} as const;

/**
 * `columns`: picks `groups` runs of `width` columns that begin at `first`, `first + stride`, … of the C columns of x;
 * the rows from `start` to `end`. One run of all columns copies rows.
 */
export const columns = func('columns', PARAMETERS, (code, { x, y, C, first, width, stride, groups, start, end }) => {
  const bytes = code.let(words(width));
  code.for(start, end, 1, (row) => {
    const from = code.let(at(x, i32.add(i32.mul(row, C), first)));
    const to = code.let(at(y, i32.mul(row, groups), bytes));
    code.for(0, groups, 1, () => {
      code.run(memory.copy(to, from, bytes));
      code.set(from, at(from, stride));
      code.set(to, i32.add(to, bytes));
    });
  });
});

/** `placeColumns`: puts the runs of x to where `columns` picks them, 0 elsewhere; the rows from `start` to `end`. */
export const placeColumns = func(
  'placeColumns',
  PARAMETERS,
  (code, { x, y, C, first, width, stride, groups, start, end }) => {
    const bytes = code.let(words(width));
    code.for(start, end, 1, (row) => {
      const from = code.let(at(x, i32.mul(row, groups), bytes));
      const to = code.let(at(y, row, words(C)));
      code.run(memory.fill(to, 0, words(C)));
      code.set(to, at(to, first));
      code.for(0, groups, 1, () => {
        code.run(memory.copy(to, from, bytes));
        code.set(from, i32.add(from, bytes));
        code.set(to, at(to, stride));
      });
    });
  },
);

/** `addColumns`, in place: adds the runs of x to y where `columns` picks them; the rows from `start` to `end`. */
export const addColumns = func(
  'addColumns',
  PARAMETERS,
  (code, { x, y, C, first, width, stride, groups, start, end }) => {
    const bytes = code.let(words(width));
    code.for(start, end, 1, (row) => {
      const from = code.let(at(x, i32.mul(row, groups), bytes));
      const to = code.let(at(y, i32.add(i32.mul(row, C), first)));
      code.for(0, groups, 1, () => {
        forLanes(code, 0, width, ({ load, store }) => store(to, f32x4.add(load(to), load(from))));
        code.set(from, i32.add(from, bytes));
        code.set(to, at(to, stride));
      });
    });
  },
);

export const recipes: readonly Recipe[] = [
  {
    op: 'columns',
    kernels: [columns],
    run: (host, [x], { N, C, start, width, stride, groups }, y) =>
      host.run(columns, { x: x.at, y: y.at, C, first: start, width, stride, groups }, N, N * groups * width),
  },
  {
    op: 'placeColumns',
    kernels: [placeColumns],
    run: (host, [x], { N, C, start, width, stride, groups }, y) =>
      host.run(placeColumns, { x: x.at, y: y.at, C, first: start, width, stride, groups }, N, N * C),
  },
  {
    op: 'addColumns',
    kernels: [addColumns],
    main: { input: 0, as: 'output' },
    run: (host, [, x], { N, C, start, width, stride, groups }, y) =>
      host.run(addColumns, { x: x.at, y: y.at, C, first: start, width, stride, groups }, N, 2 * N * groups * width),
  },
];

/** Copies a matrix. */
export function copyMatrix(host: Host, from: Stored, to: Stored): void {
  const [N, C] = from.shape;
  host.run(columns, { x: from.at, y: to.at, C, first: 0, width: C, stride: C, groups: 1 }, N, N * C);
}
