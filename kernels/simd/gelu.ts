import type { Recipe } from '../../tensor/simd/recipe.ts';
import { type Code, func } from '../../tensor/wasm/code.ts';
import { f32x4, v128 } from '../../tensor/wasm/instructions.ts';
import type { Local } from '../../tensor/wasm/values.ts';
import { emitErf } from './erf.ts';
import { emitExp } from './exp.ts';
import { ABREAST, forLanes, type Lanes } from './lanes.ts';

/** `x/2 · (1 + erf(x/√2))` in four lanes. */
export function emitGelu(code: Code, x: Local<'v128'>): Local<'v128'> {
  const { add, mul } = f32x4;
  const erf = emitErf(code, code.let(mul(x, f32x4.const(Math.SQRT1_2))));
  return code.let(mul(mul(x, f32x4.const(0.5)), add(f32x4.const(1), erf)));
}

/** `gelu` over the elements from `start` to `end`. */
export const gelu = func('gelu', { x: 'i32', y: 'i32', start: 'i32', end: 'i32' }, (code, { x, y, start, end }) => {
  const compute = ({ load, store }: Lanes) => store(y, emitGelu(code, code.let(load(x))));
  forLanes(code, start, end, compute, ABREAST);
});

/** `geluGradient`: dx = dy · (y/x + x · φ(x)), y = gelu(x); where x is next to 0, y/x is ½; the elements from `start` to `end`. */
export const geluGradient = func(
  'geluGradient',
  { x: 'i32', y: 'i32', dy: 'i32', dx: 'i32', start: 'i32', end: 'i32' },
  (code, { x, y, dy, dx, start, end }) => {
    const { add, mul, div, abs, lt } = f32x4;
    const compute = ({ load, store }: Lanes): void => {
      const value = code.let(load(x));
      const exponent = code.let(mul(mul(value, f32x4.const(-0.5)), value));
      const density = mul(f32x4.const(1 / Math.sqrt(2 * Math.PI)), emitExp(code, exponent));
      const tiny = lt(abs(value), f32x4.const(1e-30));
      const cumulative = v128.bitselect(f32x4.const(0.5), div(load(y), value), tiny);
      store(dx, mul(load(dy), add(cumulative, mul(value, density))));
    };
    forLanes(code, start, end, compute, ABREAST);
  },
);

export const recipes: readonly Recipe[] = [
  {
    op: 'gelu',
    kernels: [gelu],
    run: (host, [x], { N, D }, y) => host.run(gelu, { x: x.at, y: y.at }, N * D, 30 * N * D),
  },
  {
    op: 'geluGradient',
    kernels: [geluGradient],
    run: (host, [x, output, dy], { N, D }, y) =>
      host.run(geluGradient, { x: x.at, y: output.at, dy: dy.at, dx: y.at }, N * D, 20 * N * D),
  },
];
