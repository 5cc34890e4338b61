import type { Code } from '../../tensor/wasm/code.ts';
import { f32x4, i32x4, v128 } from '../../tensor/wasm/instructions.ts';
import type { Local } from '../../tensor/wasm/values.ts';
import { emitExp, polynomial } from './exp.ts';
import { erf, interpolate } from './fit.ts';

/** Where the two formulas meet, and from where on erf is 1 in float32. */
const MIDDLE = 0.875;
const END = 4;

/** `erf(x)/x − 1`, a function of x². */
const NEAR = interpolate(
  (s) => (s === 0 ? 2 / Math.sqrt(Math.PI) : erf(Math.sqrt(s)) / Math.sqrt(s)) - 1,
  6,
  0,
  MIDDLE ** 2,
);

/** `−ln(1 − erf(x))`, smooth and nearly a parabola. */
const FAR = interpolate((x) => -Math.log(1 - erf(x)), 8, MIDDLE, END);

/**
 * The error function in four lanes. Near 0, `x + x · p(x²)`: the small part is added last. Elsewhere `1 − exp(−q(x))`,
 * where an error in `exp` only touches what is missing from 1. Right to 2 ulp for every float32; the test measures it.
 *
 * @param x a local: it is read several times
 */
export function emitErf(code: Code, x: Local<'v128'>): Local<'v128'> {
  const { add, sub, mul, neg, pmin } = f32x4;
  const square = code.let(mul(x, x));
  const near = code.let(add(x, mul(x, polynomial(code, square, NEAR))));

  const size = code.let(f32x4.abs(x));
  const bounded = code.let(pmin(size, f32x4.const(END)));
  const missing = emitExp(code, code.let(neg(polynomial(code, bounded, FAR))));
  const sign = code.let(v128.and(x, i32x4.const(-0x80000000)));
  const far = v128.or(sub(f32x4.const(1), missing), sign);
  return code.let(v128.bitselect(near, far, f32x4.lt(size, f32x4.const(MIDDLE))));
}
