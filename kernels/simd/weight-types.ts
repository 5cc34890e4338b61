import type { Stored } from '../../tensor/simd/stored.ts';
import type { Func } from '../../tensor/wasm/code.ts';
import { f32x4, i32, i32x4, v128 } from '../../tensor/wasm/instructions.ts';
import type { Local, Value } from '../../tensor/wasm/values.ts';

/** How weights lie in memory. Activations are always float32. */
export type WeightType = 'float32' | 'bfloat16' | 'float16';

/** In which of these types a tensor of numbers is stored. */
export const weightType = ({ type }: Stored): WeightType =>
  type === 'bfloat16' || type === 'float16' ? type : 'float32';

export const WEIGHT_BYTES: Readonly<Record<WeightType, number>> = { float32: 4, bfloat16: 2, float16: 2 };

/** Columns of a panel of packed weights: two vectors of four float32. See tile.ts for why. */
export const PANEL = 8;

/** One kernel for each type of weights. */
export const forEachType = <F extends Func>(make: (type: WeightType) => F): Readonly<Record<WeightType, F>> => ({
  float32: make('float32'),
  bfloat16: make('bfloat16'),
  float16: make('float16'),
});

/**
 * Four neighbouring weights as float32. A bfloat16 is the upper half of a float32, so widening is exact and one shift. The exponent and the
 * digits of a float16, put where those of a float32 begin, are the number less 2¹¹² times: that is exact too, for the subnormal as well, but not
 * for what is infinite or NaN, which the driver does not keep so.
 */
export function loadWeights(type: WeightType, address: Local<'i32'>, index: number): Value<'v128'> {
  if (type === 'float32') return v128.load(address, 4 * index);
  if (type === 'bfloat16') return i32x4.shl(v128.load16x4_u(address, 2 * index), 16);
  const placed = v128.and(i32x4.shl(v128.load16x4_s(address, 2 * index), 13), i32x4.const(0x8fffe000 | 0));
  return f32x4.mul(placed, f32x4.const(2 ** 112));
}

/** Bytes from one panel of packed weights to the next. */
export const panelBytes = (type: WeightType, K: Value<'i32'>): Value<'i32'> => i32.mul(K, PANEL * WEIGHT_BYTES[type]);
