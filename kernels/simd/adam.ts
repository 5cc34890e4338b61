import type { Recipe } from '../../tensor/simd/recipe.ts';
import { func } from '../../tensor/wasm/code.ts';
import { f32x4, v128 } from '../../tensor/wasm/instructions.ts';
import { at, words } from './address.ts';
import { forLanes, sumOver } from './lanes.ts';

const { add, sub, mul, div, sqrt, splat } = f32x4;

/** `firstMoment`: y = beta · m + rest · (gradient · factor); the elements from `start` to `end`. */
export const firstMoment = func(
  'firstMoment',
  { m: 'i32', gradient: 'i32', factor: 'i32', y: 'i32', beta: 'f32', rest: 'f32', start: 'i32', end: 'i32' },
  (code, { m, gradient, factor, y, beta, rest, start, end }) => {
    const [f, keep, take] = [v128.load32_splat(factor), splat(beta), splat(rest)].map((value) => code.let(value));
    forLanes(code, start, end, ({ load, store }) =>
      store(y, add(mul(keep, load(m)), mul(take, mul(load(gradient), f)))),
    );
  },
);

/** `secondMoment`: y = beta · v + rest · (gradient · factor)²; the elements from `start` to `end`. */
export const secondMoment = func(
  'secondMoment',
  { v: 'i32', gradient: 'i32', factor: 'i32', y: 'i32', beta: 'f32', rest: 'f32', start: 'i32', end: 'i32' },
  (code, { v, gradient, factor, y, beta, rest, start, end }) => {
    const [f, keep, take] = [v128.load32_splat(factor), splat(beta), splat(rest)].map((value) => code.let(value));
    forLanes(code, start, end, ({ load, store }) => {
      const g = code.let(mul(load(gradient), f));
      store(y, add(mul(keep, load(v)), mul(take, mul(g, g))));
    });
  },
);

/** `adamStep`: y = weight · keep − rate · m / (√(v / correction) + eps); the elements from `start` to `end`. */
export const adamStep = func(
  'adamStep',
  {
    weight: 'i32',
    m: 'i32',
    v: 'i32',
    y: 'i32',
    keep: 'f32',
    rate: 'f32',
    correction: 'f32',
    eps: 'f32',
    start: 'i32',
    end: 'i32',
  },
  (code, { weight, m, v, y, keep, rate, correction, eps, start, end }) => {
    const [k, r, c, e] = [keep, rate, correction, eps].map((value) => code.let(splat(value)));
    forLanes(code, start, end, ({ load, store }) =>
      store(y, sub(mul(load(weight), k), div(mul(r, load(m)), add(sqrt(div(load(v), c)), e)))),
    );
  },
);

/** The first half of `sumOfSquares`: the sum of each row's squares; D columns; the rows from `start` to `end`. */
export const squaresOfRows = func(
  'squaresOfRows',
  { x: 'i32', y: 'i32', D: 'i32', start: 'i32', end: 'i32' },
  (code, { x, y, D, start, end }) => {
    code.for(start, end, 1, (row) => {
      const from = code.let(at(x, row, words(D)));
      const sum = sumOver(code, D, ({ load }) => {
        const value = code.let(load(from));
        return mul(value, value);
      });
      code.run(v128.store32_lane(at(y, row), sum, 0));
    });
  },
);

/** The second: the sum of `count` elements. There is one unit of work. */
export const total = func(
  'total',
  { x: 'i32', y: 'i32', count: 'i32', start: 'i32', end: 'i32' },
  (code, { x, y, count }) => {
    code.run(
      v128.store32_lane(
        y,
        sumOver(code, count, ({ load }) => load(x)),
        0,
      ),
    );
  },
);

/** `clipFactor`: min(1, most / (√squares + 1e-6)). There is one unit of work. */
export const clipFactor = func(
  'clipFactor',
  { squares: 'i32', y: 'i32', most: 'f32', start: 'i32', end: 'i32' },
  (code, { squares, y, most }) => {
    const norm = add(sqrt(v128.load32_splat(squares)), f32x4.const(1e-6));
    code.run(v128.store32_lane(y, f32x4.pmin(f32x4.const(1), div(splat(most), norm)), 0));
  },
);

export const recipes: readonly Recipe[] = [
  {
    op: 'firstMoment',
    kernels: [firstMoment],
    run(host, [m, gradient, factor], { rows, columns, beta, rest }, y) {
      const places = { m: m.at, gradient: gradient.at, factor: factor.at, y: y.at };
      host.run(firstMoment, { ...places, beta, rest }, rows * columns, 4 * rows * columns);
    },
  },
  {
    op: 'secondMoment',
    kernels: [secondMoment],
    run(host, [v, gradient, factor], { rows, columns, beta, rest }, y) {
      const places = { v: v.at, gradient: gradient.at, factor: factor.at, y: y.at };
      host.run(secondMoment, { ...places, beta, rest }, rows * columns, 5 * rows * columns);
    },
  },
  {
    op: 'adamStep',
    kernels: [adamStep],
    run(host, [weight, m, v], { rows, columns, keep, rate, correction, eps }, y) {
      const places = { weight: weight.at, m: m.at, v: v.at, y: y.at };
      host.run(adamStep, { ...places, keep, rate, correction, eps }, rows * columns, 10 * rows * columns);
    },
  },
  {
    op: 'sumOfSquares',
    kernels: [squaresOfRows, total],
    run(host, [x], { rows, columns }, y) {
      const lines = host.temporary(4 * rows);
      host.run(squaresOfRows, { x: x.at, y: lines, D: columns }, rows, 2 * rows * columns);
      host.run(total, { x: lines, y: y.at, count: rows }, 1, rows);
    },
  },
  {
    op: 'clipFactor',
    kernels: [clipFactor],
    run: (host, [squares], { most }, y) => host.run(clipFactor, { squares: squares.at, y: y.at, most }, 1),
  },
];
