import type { Recipe } from '../../tensor/simd/recipe.ts';
import { func } from '../../tensor/wasm/code.ts';
import { f32x4, v128 } from '../../tensor/wasm/instructions.ts';
import { at, words } from './address.ts';
import { forLanes } from './lanes.ts';

/** `divide`: y = x / divisor; the elements from `start` to `end`. */
export const divide = func(
  'divide',
  { x: 'i32', y: 'i32', divisor: 'f32', start: 'i32', end: 'i32' },
  (code, { x, y, divisor, start, end }) => {
    const by = code.let(f32x4.splat(divisor));
    forLanes(code, start, end, ({ load, store }) => store(y, f32x4.div(load(x), by)));
  },
);

/** `scaleRows`: y[i] = x[i] · factor[i]; D columns; the rows from `start` to `end`. */
export const scaleRows = func(
  'scaleRows',
  { x: 'i32', factor: 'i32', y: 'i32', D: 'i32', start: 'i32', end: 'i32' },
  (code, { x, factor, y, D, start, end }) => {
    const bytes = code.let(words(D));
    code.for(start, end, 1, (row) => {
      const by = code.let(v128.load32_splat(at(factor, row)));
      const [from, to] = [code.let(at(x, row, bytes)), code.let(at(y, row, bytes))];
      forLanes(code, 0, D, ({ load, store }) => store(to, f32x4.mul(load(from), by)));
    });
  },
);

export const recipes: readonly Recipe[] = [
  {
    op: 'divide',
    kernels: [divide],
    run: (host, [x], { N, D, divisor }, y) => host.run(divide, { x: x.at, y: y.at, divisor }, N * D),
  },
  {
    op: 'scaleRows',
    kernels: [scaleRows],
    run: (host, [x, factor], { N, D }, y) => host.run(scaleRows, { x: x.at, factor: factor.at, y: y.at, D }, N, N * D),
  },
];
