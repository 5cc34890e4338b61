import type { Recipe } from '../../tensor/simd/recipe.ts';
import { func } from '../../tensor/wasm/code.ts';
import { f32x4 } from '../../tensor/wasm/instructions.ts';
import { at, words } from './address.ts';
import { forLanes } from './lanes.ts';
import { layerNormMoments } from './moments.ts';

/** `layerNorm`: y = (x − mean) / √(variance + eps) · weight + bias; D columns; the rows from `start` to `end`. */
export const layerNorm = func(
  'layerNorm',
  { x: 'i32', weight: 'i32', bias: 'i32', y: 'i32', D: 'i32', eps: 'f32', start: 'i32', end: 'i32' },
  (code, { x, weight, bias, y, D, eps, start, end }) => {
    const { add, sub, mul } = f32x4;
    const bytes = code.let(words(D));
    code.for(start, end, 1, (row) => {
      const [from, to] = [code.let(at(x, row, bytes)), code.let(at(y, row, bytes))];
      const { mean, inverse } = layerNormMoments(code, from, D, eps);
      forLanes(code, 0, D, ({ load, store }) =>
        store(to, add(mul(mul(sub(load(from), mean), inverse), load(weight)), load(bias))),
      );
    });
  },
);

export const recipes: readonly Recipe[] = [
  {
    op: 'layerNorm',
    kernels: [layerNorm],
    run: (host, [x, weight, bias], { N, D, eps }, y) =>
      host.run(layerNorm, { x: x.at, weight: weight.at, bias: bias.at, y: y.at, D, eps }, N, 8 * N * D),
  },
];
