import type { Code } from '../../tensor/wasm/code.ts';
import { f32, f32x4 } from '../../tensor/wasm/instructions.ts';
import type { Local, Value } from '../../tensor/wasm/values.ts';
import { sumOver } from './lanes.ts';

const { add, sub, mul, div, sqrt, splat } = f32x4;

/** What the elements of a row have in common, in all four lanes: normalised, x is `(x − mean) · inverse`. */
export interface Moments {
  /** 0 where a norm takes none away. */
  readonly mean: Value<'v128'>;
  readonly inverse: Local<'v128'>;
}

/** @param row D elements */
export type MomentsOf = (code: Code, row: Local<'i32'>, D: Local<'i32'>, eps: Local<'f32'>) => Moments;

/**
 * LayerNorm's: the mean, and 1 / √(variance + eps). The variance is that of the centred row, in a pass of its own: mean(x²) − mean²
 * would lose what the two have in common.
 */
export const layerNormMoments: MomentsOf = (code, row, D, eps) => {
  const total = sumOver(code, D, ({ load }) => load(row));
  const mean = code.let(div(total, countOf(D)));
  const squares = sumOver(code, D, ({ load }) => {
    const centred = code.let(sub(load(row), mean));
    return mul(centred, centred);
  });
  return { mean, inverse: inverseOf(code, squares, D, eps) };
};

/** RMSNorm's: no mean, and 1 / √(mean(x²) + eps). */
export const rmsNormMoments: MomentsOf = (code, row, D, eps) => {
  const squares = sumOver(code, D, ({ load }) => {
    const value = code.let(load(row));
    return mul(value, value);
  });
  return { mean: f32x4.const(0), inverse: inverseOf(code, squares, D, eps) };
};

const countOf = (D: Local<'i32'>): Value<'v128'> => splat(f32.convert_i32_u(D));

const inverseOf = (code: Code, squares: Value<'v128'>, D: Local<'i32'>, eps: Local<'f32'>): Local<'v128'> =>
  code.let(div(f32x4.const(1), sqrt(add(div(squares, countOf(D)), splat(eps)))));
