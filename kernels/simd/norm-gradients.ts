import type { Sizes } from '../../tensor/signature.ts';
import type { Host } from '../../tensor/simd/bank.ts';
import type { Recipe } from '../../tensor/simd/recipe.ts';
import type { Stored } from '../../tensor/simd/stored.ts';
import { func } from '../../tensor/wasm/code.ts';
import { f32, f32x4, i32, v128 } from '../../tensor/wasm/instructions.ts';
import { at, words } from './address.ts';
import { forLanes, type Lanes, storeSumsDown, sumOver } from './lanes.ts';
import { layerNormMoments, type MomentsOf, rmsNormMoments } from './moments.ts';

const { sub, mul, div, splat } = f32x4;

/**
 * `layerNormGradient` and `rmsNormGradient`: with x̂ = (x − mean) · inverse and g = dy · weight,
 * dx = (g − mean(g) − x̂ · mean(g · x̂)) · inverse, where RMSNorm has no means to take away; D columns; the rows from `start` to `end`.
 */
const gradient = (name: string, momentsOf: MomentsOf, centred: boolean) =>
  func(
    name,
    { x: 'i32', weight: 'i32', dy: 'i32', dx: 'i32', D: 'i32', eps: 'f32', start: 'i32', end: 'i32' },
    (code, { x, weight, dy, dx, D, eps, start, end }) => {
      const bytes = code.let(words(D));
      const count = code.let(splat(f32.convert_i32_u(D)));
      code.for(start, end, 1, (row) => {
        const [from, flow, to] = [x, dy, dx].map((rows) => code.let(at(rows, row, bytes)));
        const { mean, inverse } = momentsOf(code, from, D, eps);
        const g = ({ load }: Lanes) => mul(load(flow), load(weight));
        const offset = ({ load }: Lanes) => (centred ? sub(load(from), mean) : load(from));
        const level = centred ? code.let(div(sumOver(code, D, g), count)) : undefined;
        const product = sumOver(code, D, (lanes) => mul(g(lanes), offset(lanes)));
        const slope = code.let(mul(mul(div(product, count), inverse), inverse));
        forLanes(code, 0, D, (lanes) => {
          const own = level ? sub(g(lanes), level) : g(lanes);
          lanes.store(to, mul(sub(own, mul(offset(lanes), slope)), inverse));
        });
      });
    },
  );

export const layerNormGradient = gradient('layerNormGradient', layerNormMoments, true);
export const rmsNormGradient = gradient('rmsNormGradient', rmsNormMoments, false);

/** The moments of the rows from `start` to `end`, for the gradients of weights: a mean and an inverse for each. */
const moments = (name: string, momentsOf: MomentsOf) =>
  func(
    name,
    { x: 'i32', moments: 'i32', D: 'i32', eps: 'f32', start: 'i32', end: 'i32' },
    (code, { x, moments, D, eps, start, end }) => {
      code.for(start, end, 1, (row) => {
        const from = code.let(at(x, row, words(D)));
        const { mean, inverse } = momentsOf(code, from, D, eps);
        const to = code.let(at(moments, row, 8));
        code.run(v128.store32_lane(to, mean, 0));
        code.run(v128.store32_lane(i32.add(to, 4), inverse, 0));
      });
    },
  );

export const layerNormRows = moments('layerNormRows', layerNormMoments);
export const rmsNormRows = moments('rmsNormRows', rmsNormMoments);

/** The gradient of either norm's weight: y[i] = Σ dy · x̂ over N rows; the columns from `start` to `end`. */
export const normWeightGradient = func(
  'normWeightGradient',
  { x: 'i32', dy: 'i32', moments: 'i32', y: 'i32', N: 'i32', D: 'i32', start: 'i32', end: 'i32' },
  (code, { x, dy, moments, y, N, D, start, end }) => {
    const bytes = code.let(words(D));
    storeSumsDown(code, { start, end, count: N, to: y }, (columns, row) => {
      const own = code.let(at(moments, row, 8));
      const mean = code.let(v128.load32_splat(own));
      const inverse = code.let(v128.load32_splat(own, 4));
      return columns.map(({ load }) => mul(load(at(dy, row, bytes)), mul(sub(load(at(x, row, bytes)), mean), inverse)));
    });
  },
);

/** The moments of all rows, then the sums down the columns. */
function weightGradient(
  host: Host,
  rows: typeof layerNormRows,
  x: Stored,
  dy: Stored,
  { N, D, eps }: Sizes,
  y: Stored,
): void {
  const moments = host.temporary(8 * N);
  host.run(rows, { x: x.at, moments, D, eps }, N, 4 * N * D);
  host.run(normWeightGradient, { x: x.at, dy: dy.at, moments, y: y.at, N, D }, D, 4 * N * D);
}

export const recipes: readonly Recipe[] = [
  {
    op: 'layerNormGradient',
    kernels: [layerNormGradient],
    run: (host, [x, weight, dy], { N, D, eps }, y) =>
      host.run(layerNormGradient, { x: x.at, weight: weight.at, dy: dy.at, dx: y.at, D, eps }, N, 17 * N * D),
  },
  {
    op: 'layerNormWeightGradient',
    kernels: [layerNormRows, normWeightGradient],
    run: (host, [x, dy], sizes, y) => weightGradient(host, layerNormRows, x, dy, sizes, y),
  },
  {
    op: 'rmsNormGradient',
    kernels: [rmsNormGradient],
    run: (host, [x, weight, dy], { N, D, eps }, y) =>
      host.run(rmsNormGradient, { x: x.at, weight: weight.at, dy: dy.at, dx: y.at, D, eps }, N, 9 * N * D),
  },
  {
    op: 'rmsNormWeightGradient',
    kernels: [rmsNormRows, normWeightGradient],
    run: (host, [x, dy], sizes, y) => weightGradient(host, rmsNormRows, x, dy, sizes, y),
  },
];
