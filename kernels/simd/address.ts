import { i32 } from '../../tensor/wasm/instructions.ts';
import type { Operand, Value } from '../../tensor/wasm/values.ts';

/** Bytes of a float32 and of an int32. */
export const WORD = 4;

/** `base + index · stride`, all in bytes but the index. */
export const at = (base: Operand<'i32'>, index: Operand<'i32'>, stride: Operand<'i32'> = WORD): Value<'i32'> =>
  i32.add(base, i32.mul(index, stride));

/** Bytes of this many float32. */
export const words = (count: Operand<'i32'>): Value<'i32'> => i32.mul(count, WORD);
