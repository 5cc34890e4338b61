import type { Recipe } from '../../tensor/simd/recipe.ts';
import { func } from '../../tensor/wasm/code.ts';
import { f32x4 } from '../../tensor/wasm/instructions.ts';
import { forLanes } from './lanes.ts';

/** `sum`: y = a + b; the elements from `start` to `end`. */
export const sum = func(
  'sum',
  { a: 'i32', b: 'i32', y: 'i32', start: 'i32', end: 'i32' },
  (code, { a, b, y, start, end }) => {
    forLanes(code, start, end, ({ load, store }) => store(y, f32x4.add(load(a), load(b))));
  },
);

export const recipes: readonly Recipe[] = [
  {
    op: 'sum',
    kernels: [sum],
    run: (host, [a, b], { rows, columns }, y) => host.run(sum, { a: a.at, b: b.at, y: y.at }, rows * columns),
  },
];
