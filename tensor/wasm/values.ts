import { type Bytes, float32, float64, signed, unsigned } from './encoding.ts';

/** What a local, a parameter or an operand can be. `v128` is 128 bits: four float32, four int32, sixteen bytes. */
export type Type = 'i32' | 'i64' | 'f32' | 'f64' | 'v128';

/** How the types are written in a module. */
export const TYPE_CODES: Readonly<Record<Type, number>> = { i32: 0x7f, i64: 0x7e, f32: 0x7d, f64: 0x7c, v128: 0x7b };

/**
 * An expression: the instructions that leave one value of type T on the stack, or none for `void`.
 *
 * It is code, not a number: it is evaluated where it is used, each time it is used. `code.let` evaluates it once and
 * gives it a name.
 */
export interface Value<T extends Type | 'void'> {
  readonly type: T;
  readonly code: Bytes;
}

/** A local variable or a parameter: an expression that reads it, and the index under which it is written. */
export interface Local<T extends Type> extends Value<T> {
  readonly local: number;
}

/** Where a value is expected, a plain number stands for a constant. */
export type Operand<T extends Type> = Value<T> | (T extends 'v128' ? never : number);

const constants: Readonly<Record<Type, (value: number) => Bytes>> = {
  i32: (value) => [0x41, signed(value | 0)],
  i64: (value) => [0x42, signed(value)],
  f32: (value) => [0x43, float32(value)],
  f64: (value) => [0x44, float64(value)],
  v128: () => {
    throw new TypeError('a v128 is no number: use f32x4.const or i32x4.const');
  },
};

/** The code of an operand of this type; TypeScript checks it as well, but kernels are also made in loops. */
export function codeOf<T extends Type>(type: T, operand: Operand<T>): Bytes {
  if (typeof operand === 'number') return constants[type](operand);
  if (operand.type !== type) throw new TypeError(`an operand is ${operand.type}, expected ${type}`);
  return operand.code;
}

type Operands<I extends readonly Type[]> = { [index in keyof I]: Operand<I[index]> };

/** An instruction without immediates: its operands' code, then its own. */
export function plain<const I extends readonly Type[], R extends Type | 'void'>(
  opcode: Bytes,
  inputs: I,
  type: R,
): (...operands: Operands<I>) => Value<R> {
  return (...operands) => ({
    type,
    code: [...inputs.map((input, index) => codeOf(input, operands[index])), opcode],
  });
}

/** Where an access begins: `offset` bytes after the address. Alignment is a mere hint; 0 promises nothing. */
const place = (offset: number): Bytes => [0, unsigned(offset)];

export const load =
  <R extends Type>(opcode: Bytes, type: R) =>
  (address: Operand<'i32'>, offset = 0): Value<R> => ({
    type,
    code: [codeOf('i32', address), opcode, place(offset)],
  });

export const store =
  <T extends Type>(opcode: Bytes, type: T) =>
  (address: Operand<'i32'>, value: Operand<T>, offset = 0): Value<'void'> => ({
    type: 'void',
    code: [codeOf('i32', address), codeOf(type, value), opcode, place(offset)],
  });

/** Writes one 32-bit lane of a vector. */
export const storeLane =
  (opcode: Bytes) =>
  (address: Operand<'i32'>, value: Value<'v128'>, lane: number, offset = 0): Value<'void'> => ({
    type: 'void',
    code: [codeOf('i32', address), codeOf('v128', value), opcode, place(offset), lane],
  });

/** Takes one lane of a vector. */
export const extract =
  <R extends Type>(opcode: Bytes, type: R) =>
  (value: Value<'v128'>, lane: number): Value<R> => ({ type, code: [codeOf('v128', value), opcode, lane] });
