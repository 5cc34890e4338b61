import type { Recipe } from '../../tensor/simd/recipe.ts';
import { func } from '../../tensor/wasm/code.ts';
import { f32x4 } from '../../tensor/wasm/instructions.ts';
import { at, words } from './address.ts';
import { forLanes } from './lanes.ts';
import { rmsNormMoments } from './moments.ts';

/** `rmsNorm`: y = x / √(mean(x²) + eps) · weight; D columns; the rows from `start` to `end`. */
export const rmsNorm = func(
  'rmsNorm',
  { x: 'i32', weight: 'i32', y: 'i32', D: 'i32', eps: 'f32', start: 'i32', end: 'i32' },
  (code, { x, weight, y, D, eps, start, end }) => {
    const { mul } = f32x4;
    const bytes = code.let(words(D));
    code.for(start, end, 1, (row) => {
      const [from, to] = [code.let(at(x, row, bytes)), code.let(at(y, row, bytes))];
      const { inverse } = rmsNormMoments(code, from, D, eps);
      forLanes(code, 0, D, ({ load, store }) => store(to, mul(mul(load(from), inverse), load(weight))));
    });
  },
);

export const recipes: readonly Recipe[] = [
  {
    op: 'rmsNorm',
    kernels: [rmsNorm],
    run: (host, [x, weight], { N, D, eps }, y) =>
      host.run(rmsNorm, { x: x.at, weight: weight.at, y: y.at, D, eps }, N, 4 * N * D),
  },
];
