import { WORD } from './address.ts';
import type { Code } from './wasm/code.ts';
import { f32x4, i8x16, i32, v128 } from './wasm/instructions.ts';
import type { Local, Operand, Value } from './wasm/values.ts';

/** How an element-by-element loop reaches its current elements: four at a time, or one at the ragged end. */
export interface Lanes {
  /** The elements of a row that begins at this address; the lanes beyond the row hold 0. */
  load(row: Value<'i32'>): Value<'v128'>;
  store(row: Value<'i32'>, value: Value<'v128'>): void;
}

/**
 * Visits the elements of a row: whole vectors, then the last one to three singly, in the first lane of a vector whose others are
 * 0. So one body serves both, and an element is computed alike wherever it stands.
 *
 * @param body emitted twice
 */
export function forLanes(code: Code, count: Operand<'i32'>, body: (lanes: Lanes) => void): void {
  const end = code.let(i32.mul(count, WORD));
  const whole = code.let(i32.and(end, -16));
  code.for(0, whole, 16, (offset) =>
    body({
      load: (row) => v128.load(i32.add(row, offset)),
      store: (row, value) => code.run(v128.store(i32.add(row, offset), value)),
    }),
  );
  code.for(whole, end, WORD, (offset) =>
    body({
      load: (row) => v128.load32_zero(i32.add(row, offset)),
      store: (row, value) => code.run(v128.store32_lane(i32.add(row, offset), value, 0)),
    }),
  );
}

/** The four lanes joined by `combine`, in all four lanes: first across the halves, then across neighbours. */
export function across(
  code: Code,
  value: Value<'v128'>,
  combine: (a: Value<'v128'>, b: Value<'v128'>) => Value<'v128'>,
): Local<'v128'> {
  const four = code.let(value);
  const two = code.let(combine(four, i8x16.shuffle(four, four, [2, 3, 0, 1])));
  return code.let(combine(two, i8x16.shuffle(two, two, [1, 0, 3, 2])));
}

export const sumAcross = (code: Code, value: Value<'v128'>): Local<'v128'> => across(code, value, f32x4.add);
