import { describe, expect, test } from 'vitest';
import type { Code } from '../../tensor/wasm/code.ts';
import * as table from '../../tensor/wasm/instructions.ts';
import type { Value } from '../../tensor/wasm/values.ts';
import { execute, float, integer, lanes, RESULT } from './execute.ts';

const { f32, f32x4, i16x8, i32, i32x4, i8x16, memory, select, v128 } = table;

const a = f32x4.const(1.5, -2, 0, 4);
const b = f32x4.const(2, -3, 8, -0.5);
const bits = i32x4.const(0b1100, -1, 0, 5);
const mask = i32x4.const(0b1010, 7, -1, 3);
/** What memory holds before: 0, 0x81, 2, 0x83, 4, … */
const bytes = Array.from({ length: 64 }, (_, i) => (i % 2 === 0 ? i : i + 0x80));
const word = (at: number) => new DataView(Uint8Array.from(bytes).buffer).getInt32(at, true);

type Example = readonly [body: (code: Code) => void, expected: number | readonly number[], as: 'i32' | 'f32'];
const int = (value: Value<'i32'>, expected: number): Example => [integer(value), expected, 'i32'];
const single = (value: Value<'f32'>, expected: number): Example => [float(value), Math.fround(expected), 'f32'];
const four = (value: Value<'v128'>, ...expected: number[]): Example => [lanes(value), expected, 'f32'];
const ints = (value: Value<'v128'>, ...expected: number[]): Example => [lanes(value), expected, 'i32'];
const effect = (value: Value<'void'>, ...expected: number[]): Example => [(code) => code.run(value), expected, 'i32'];

/** One example at least for every instruction of the table. */
const examples: Record<string, Record<string, Example[]>> = {
  i32: {
    const: [int(i32.const(-70000), -70000), int(i32.const(2 ** 32 - 2), -2)],
    load: [int(i32.load(4, 5), word(9))],
    load16_u: [int(i32.load16_u(2), 0x8302)],
    store: [effect(i32.store(RESULT - 4, -9, 4), -9)],
    store16: [effect(i32.store16(RESULT, 0x12345, 0), 0x2345)],
    eq: [int(i32.eq(4, 4), 1), int(i32.eq(4, 5), 0)],
    lt_s: [int(i32.lt_s(-1, 0), 1), int(i32.lt_s(0, -1), 0)],
    lt_u: [int(i32.lt_u(-1, 0), 0), int(i32.lt_u(0, -1), 1)],
    ge_u: [int(i32.ge_u(-1, 0), 1), int(i32.ge_u(3, 3), 1), int(i32.ge_u(2, 3), 0)],
    add: [int(i32.add(0x7fffffff, 1), -0x80000000)],
    sub: [int(i32.sub(3, 5), -2)],
    mul: [int(i32.mul(-3, 5), -15)],
    div_u: [int(i32.div_u(-1, 2), 0x7fffffff)],
    rem_u: [int(i32.rem_u(17, 5), 2)],
    and: [int(i32.and(0b1100, 0b1010), 0b1000)],
    or: [int(i32.or(0b1100, 0b1010), 0b1110)],
    shl: [int(i32.shl(3, 4), 48)],
    trunc_sat_f32_s: [int(i32.trunc_sat_f32_s(-2.9), -2), int(i32.trunc_sat_f32_s(1e20), 0x7fffffff)],
  },
  f32: {
    load: [[(code) => code.run(f32.store(RESULT, f32.load(8, 4))), word(12), 'i32']],
    store: [[(code) => code.run(f32.store(RESULT - 8, 0.1, 8)), Math.fround(0.1), 'f32']],
    gt: [int(f32.gt(2, 1), 1), int(f32.gt(2, 2), 0)],
    abs: [single(f32.abs(-0.5), 0.5)],
    floor: [single(f32.floor(-0.5), -1)],
    add: [single(f32.add(0.25, 1), 1.25)],
    sub: [single(f32.sub(0.25, 1), -0.75)],
    mul: [single(f32.mul(3, -1.5), -4.5)],
    div: [single(f32.div(1, 3), 1 / 3)],
    convert_i32_u: [single(f32.convert_i32_u(-1), 2 ** 32)],
  },
  v128: {
    load: [ints(v128.load(3, 2), word(5), word(9), word(13), word(17))],
    load16x4_s: [ints(v128.load16x4_s(1, 1), 0x8302 - 65536, 0x8504 - 65536, 0x8706 - 65536, 0x8908 - 65536)],
    load16x4_u: [ints(v128.load16x4_u(1, 1), 0x8302, 0x8504, 0x8706, 0x8908)],
    load32_splat: [ints(v128.load32_splat(4, 4), word(8), word(8), word(8), word(8))],
    load32_zero: [ints(v128.load32_zero(8), word(8), 0, 0, 0)],
    store: [effect(v128.store(RESULT - 16, i32x4.const(1, 2, 3, 4), 16), 1, 2, 3, 4)],
    store32_lane: [effect(v128.store32_lane(RESULT - 4, i32x4.const(1, 2, 3, 4), 2, 4), 3, 0)],
    and: [ints(v128.and(bits, mask), 0b1000, 7, 0, 1)],
    or: [ints(v128.or(bits, mask), 0b1110, -1, -1, 7)],
    xor: [ints(v128.xor(bits, mask), 0b0110, -8, -1, 6)],
    bitselect: [ints(v128.bitselect(i32x4.const(-1), i32x4.const(0), mask), 0b1010, 7, -1, 3)],
  },
  f32x4: {
    const: [four(f32x4.const(7), 7, 7, 7, 7), four(a, 1.5, -2, 0, 4)],
    splat: [four(f32x4.splat(f32.add(1, 1)), 2, 2, 2, 2)],
    extract_lane: [0, 1, 2, 3].map((lane) => single(f32x4.extract_lane(a, lane), [1.5, -2, 0, 4][lane])),
    lt: [ints(f32x4.lt(b, a), 0, -1, 0, -1)],
    abs: [four(f32x4.abs(a), 1.5, 2, 0, 4)],
    neg: [four(f32x4.neg(a), -1.5, 2, -0, -4)],
    sqrt: [four(f32x4.sqrt(f32x4.const(4, 9, 0, 2)), 2, 3, 0, Math.fround(Math.SQRT2))],
    add: [four(f32x4.add(a, b), 3.5, -5, 8, 3.5)],
    sub: [four(f32x4.sub(a, b), -0.5, 1, -8, 4.5)],
    mul: [four(f32x4.mul(a, b), 3, 6, 0, -2)],
    div: [four(f32x4.div(a, b), 0.75, Math.fround(2 / 3), 0, -8)],
    convert_i32x4_s: [four(f32x4.convert_i32x4_s(bits), 12, -1, 0, 5)],
    pmin: [four(f32x4.pmin(a, b), 1.5, -3, 0, -0.5), four(f32x4.pmin(f32x4.const(NaN), b), NaN, NaN, NaN, NaN)],
    pmax: [four(f32x4.pmax(a, b), 2, -2, 8, 4), four(f32x4.pmax(b, f32x4.const(NaN)), 2, -3, 8, -0.5)],
    relaxed_madd: [], // in relaxed.test.ts, where the engine is asked for it
  },
  i32x4: {
    trunc_sat_f32x4_s: [ints(i32x4.trunc_sat_f32x4_s(f32x4.const(1.9, -1.9, 3e10, Number.NaN)), 1, -1, 2 ** 31 - 1, 0)],
    dot_i16x8_s: [
      ints(
        i32x4.dot_i16x8_s(i32x4.const(0x00030002, -1, 0x7fff7fff, 0), i32x4.const(0x00070005, 0x00010002, -1, 9)),
        31,
        -3,
        -65534,
        0,
      ),
    ],
    const: [ints(i32x4.const(-1), -1, -1, -1, -1), ints(bits, 12, -1, 0, 5)],
    splat: [ints(i32x4.splat(i32.add(3, 4)), 7, 7, 7, 7)],
    shl: [ints(i32x4.shl(bits, 2), 48, -4, 0, 20)],
    shr_u: [ints(i32x4.shr_u(bits, 1), 6, 0x7fffffff, 0, 2)],
    shr_s: [ints(i32x4.shr_s(bits, 1), 6, -1, 0, 2)],
    add: [ints(i32x4.add(bits, mask), 22, 6, -1, 8)],
    sub: [ints(i32x4.sub(bits, mask), 2, -8, 1, 2)],
    mul: [ints(i32x4.mul(bits, i32x4.const(3, 0x7fffffff, 9, -5)), 36, -0x7fffffff, 0, -25)],
  },
  i16x8: {
    shr_u: [ints(i16x8.shr_u(i32x4.const(-1, 0x00100020, 0, 16), 4), 0x0fff0fff, 0x00010002, 0, 1)],
    narrow_i32x4_u: [
      ints(
        i16x8.narrow_i32x4_u(i32x4.const(1, 0xffff, 0, 3), i32x4.const(4, 5, 0x8000, 7)),
        -65535,
        0x30000,
        0x50004,
        0x78000,
      ),
    ],
  },
  i8x16: { shuffle: [four(i8x16.shuffle(a, b, [3, 4, 0, 6]), 4, 2, 1.5, 8)] },
  memory: {
    copy: [effect(memory.copy(RESULT, 8, 8), word(8), word(12), 0)],
    fill: [effect(memory.fill(RESULT, 0x107, 5), 0x07070707, 7)],
  },
  select: {
    select: [
      int(select(i32.eq(0, 0), i32.const(5), i32.const(6)), 5),
      four(select(i32.eq(1, 0), a, b), 2, -3, 8, -0.5),
    ],
  },
};

describe('instructions', () => {
  test('every instruction of the table has an example', () => {
    const names = Object.entries(table).flatMap(([group, entry]) =>
      typeof entry === 'function' ? [`${group}.${group}`] : Object.keys(entry).map((name) => `${group}.${name}`),
    );
    const shown = Object.entries(examples).flatMap(([group, entry]) => Object.keys(entry).map((n) => `${group}.${n}`));
    expect(shown.sort()).toEqual(names.sort());
  });

  const all = Object.entries(examples).flatMap(([group, entry]) =>
    Object.entries(entry).flatMap(([name, list]) =>
      list.map((example, i) => [`${group}.${name}`, i, example] as const),
    ),
  );
  test.each(all)('%s (%i)', (_name, _index, [body, expected, as]) => {
    const view = execute(body, bytes);
    for (const [i, value] of [expected].flat().entries()) {
      expect(as === 'i32' ? view.getInt32(RESULT + 4 * i, true) : view.getFloat32(RESULT + 4 * i, true)).toBe(value);
    }
  });

  test('an operand of another type is refused, whatever TypeScript was told', () => {
    expect(() => i32.add(f32.abs(1) as unknown as Value<'i32'>, 1)).toThrow('an operand is f32, expected i32');
  });
});
