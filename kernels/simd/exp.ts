import type { Code } from '../../tensor/wasm/code.ts';
import { f32x4, i32x4 } from '../../tensor/wasm/instructions.ts';
import type { Local, Value } from '../../tensor/wasm/values.ts';

/** Below, exp is less than half of the smallest float32; above, more than the largest. */
const LEAST = -104;
const MOST = 89;

/** ln 2 in two parts: the first has so few bits that its product with any n up to 150 is exact. */
const LN2_HIGH = Math.round(Math.LN2 * 2 ** 15) / 2 ** 15;
const LN2_LOW = Math.LN2 - LN2_HIGH;

/**
 * Adding 1.5 · 2²³ leaves no room for a fraction: the sum is rounded to an integer, which stands in its lowest bits.
 */
const ROUNDER = 1.5 * 2 ** 23;
const ROUNDER_BITS = 0x4b400000;

/**
 * `exp(x)` in four lanes: `x = n · ln 2 + r` with |r| ≤ ln 2 / 2, so `exp(x) = 2ⁿ · exp(r)`, and the Taylor polynomial
 * of degree 7 is good to 5e-9 there. Right to 1 ulp (2 in subnormals) for every float32, infinities and NaN included;
 * the test measures it.
 *
 * @param x a local: it is read twice
 */
export function emitExp(code: Code, x: Local<'v128'>): Local<'v128'> {
  const { add, sub, mul, pmin, pmax } = f32x4;
  const bounded = code.let(pmin(pmax(x, f32x4.const(LEAST)), f32x4.const(MOST)));
  const shifted = code.let(add(mul(bounded, f32x4.const(Math.LOG2E)), f32x4.const(ROUNDER)));
  const n = code.let(sub(shifted, f32x4.const(ROUNDER)));
  const r = code.let(sub(bounded, mul(n, f32x4.const(LN2_HIGH))));
  code.set(r, sub(r, mul(n, f32x4.const(LN2_LOW))));

  // 1 + (r + r² · (1/2! + r/3! + … + r⁵/7!)): what is large is added last.
  const factorials = [2, 6, 24, 120, 720, 5040];
  const series = code.let(
    polynomial(
      code,
      r,
      factorials.map((f) => 1 / f),
    ),
  );
  const exponential = code.let(add(f32x4.const(1), add(r, mul(mul(r, r), series))));

  // Times 2ⁿ in two halves: n reaches beyond what one float32 can hold, and subnormals are rounded once.
  const integer = code.let(i32x4.sub(shifted, i32x4.const(ROUNDER_BITS)));
  const half = code.let(i32x4.shr_s(integer, 1));
  return code.let(mul(mul(exponential, powerOfTwo(half)), powerOfTwo(i32x4.sub(integer, half))));
}

/** 2ⁿ for −126 ≤ n ≤ 127: n plus the bias, where a float32 has its exponent. */
const powerOfTwo = (n: Value<'v128'>): Value<'v128'> => i32x4.shl(i32x4.add(n, i32x4.const(127)), 23);

/**
 * `c₀ + c₁·x + c₂·x² + …` by Horner's rule. Nothing is fused, where the engine could: so `exp` and `erf` have the same bytes
 * everywhere, and one analysis of their errors holds. Fused, gelu took 0.8 of its time under Node 24 and 0.6 under Node 20, and one
 * activation of a golden (model-e's ln_post) went from 0.94 of what is allowed beyond all of it.
 */
export function polynomial(code: Code, x: Local<'v128'>, coefficients: readonly number[]): Value<'v128'> {
  return coefficients
    .map((coefficient): Value<'v128'> => f32x4.const(coefficient))
    .reduceRight((sum, coefficient) => f32x4.add(f32x4.mul(code.let(sum), x), coefficient));
}
