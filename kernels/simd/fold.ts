import type { Recipe } from '../../tensor/simd/recipe.ts';
import { func } from '../../tensor/wasm/code.ts';
import { at } from './address.ts';
import { storeSumsDown } from './lanes.ts';
import { zeros } from './zeros.ts';

/**
 * `foldRows` and `biasGradient`: y[i] = Σ over `count` terms of x, which lie `stride` bytes apart, the first at x[i]; the elements from
 * `start` to `end`.
 */
export const fold = func(
  'fold',
  { x: 'i32', y: 'i32', count: 'i32', stride: 'i32', start: 'i32', end: 'i32' },
  (code, { x, y, count, stride, start, end }) => {
    storeSumsDown(code, { start, end, count, to: y }, (columns, term) =>
      columns.map(({ load }) => load(at(x, term, stride))),
    );
  },
);

export const recipes: readonly Recipe[] = [
  {
    op: 'biasGradient',
    kernels: [zeros, fold],
    run(host, [x], { N, M, R, start }, y) {
      if (M < R) host.run(zeros, { y: y.at }, R);
      host.run(fold, { x: x.at, y: y.at + 4 * start, count: N, stride: 4 * M }, M, N * M);
    },
  },
  {
    op: 'foldRows',
    kernels: [fold],
    run: (host, [x], { B, M, D }, y) =>
      host.run(fold, { x: x.at, y: y.at, count: B, stride: 4 * M * D }, M * D, B * M * D),
  },
];
