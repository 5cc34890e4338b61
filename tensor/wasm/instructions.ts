import { type Bytes, float32, unsigned } from './encoding.ts';
import {
  codeOf,
  extract,
  load,
  type Operand,
  plain,
  store,
  storeLane,
  TYPE_CODES,
  type Type,
  type Value,
} from './values.ts';

/*
 * The instructions that the kernels use, by their names in the specification (WebAssembly core 2.0, section 5.4;
 * relaxed SIMD, 2024). An instruction is a function from expressions to an expression: `f32x4.add(sum,
 * f32x4.mul(v128.load(x), v128.load(w)))`. What no kernel uses is not here.
 */

/** SIMD instructions begin with this byte, then their number in LEB128. */
const simd = (number: number) => [0xfd, ...unsigned(number)];

export const i32 = {
  const: (value: number): Value<'i32'> => ({ type: 'i32', code: codeOf('i32', value) }),
  load: load([0x28], 'i32'),
  load16_u: load([0x2f], 'i32'),
  store: store([0x36], 'i32'),
  store16: store([0x3b], 'i32'),
  eq: plain([0x46], ['i32', 'i32'], 'i32'),
  lt_s: plain([0x48], ['i32', 'i32'], 'i32'),
  lt_u: plain([0x49], ['i32', 'i32'], 'i32'),
  ge_u: plain([0x4f], ['i32', 'i32'], 'i32'),
  add: plain([0x6a], ['i32', 'i32'], 'i32'),
  sub: plain([0x6b], ['i32', 'i32'], 'i32'),
  mul: plain([0x6c], ['i32', 'i32'], 'i32'),
  div_u: plain([0x6e], ['i32', 'i32'], 'i32'),
  rem_u: plain([0x70], ['i32', 'i32'], 'i32'),
  and: plain([0x71], ['i32', 'i32'], 'i32'),
  or: plain([0x72], ['i32', 'i32'], 'i32'),
  shl: plain([0x74], ['i32', 'i32'], 'i32'),
  trunc_sat_f32_s: plain([0xfc, 0x00], ['f32'], 'i32'),
};

export const f32 = {
  load: load([0x2a], 'f32'),
  store: store([0x38], 'f32'),
  gt: plain([0x5e], ['f32', 'f32'], 'i32'),
  abs: plain([0x8b], ['f32'], 'f32'),
  floor: plain([0x8e], ['f32'], 'f32'),
  add: plain([0x92], ['f32', 'f32'], 'f32'),
  sub: plain([0x93], ['f32', 'f32'], 'f32'),
  mul: plain([0x94], ['f32', 'f32'], 'f32'),
  div: plain([0x95], ['f32', 'f32'], 'f32'),
  convert_i32_u: plain([0xb3], ['i32'], 'f32'),
};

export const v128 = {
  load: load(simd(0x00), 'v128'),
  load16x4_s: load(simd(0x03), 'v128'),
  load16x4_u: load(simd(0x04), 'v128'),
  load32_splat: load(simd(0x09), 'v128'),
  load32_zero: load(simd(0x5c), 'v128'),
  store: store(simd(0x0b), 'v128'),
  store32_lane: storeLane(simd(0x5a)),
  and: plain(simd(0x4e), ['v128', 'v128'], 'v128'),
  or: plain(simd(0x50), ['v128', 'v128'], 'v128'),
  xor: plain(simd(0x51), ['v128', 'v128'], 'v128'),
  /** `mask ? a : b`, bit by bit. */
  bitselect: plain(simd(0x52), ['v128', 'v128', 'v128'], 'v128'),
};

export const f32x4 = {
  const: (...lanes: [number] | [number, number, number, number]): Value<'v128'> => ({
    type: 'v128',
    code: constant(lanes, float32),
  }),
  splat: plain(simd(0x13), ['f32'], 'v128'),
  extract_lane: extract(simd(0x1f), 'f32'),
  lt: plain(simd(0x43), ['v128', 'v128'], 'v128'),
  abs: plain(simd(0xe0), ['v128'], 'v128'),
  neg: plain(simd(0xe1), ['v128'], 'v128'),
  sqrt: plain(simd(0xe3), ['v128'], 'v128'),
  add: plain(simd(0xe4), ['v128', 'v128'], 'v128'),
  sub: plain(simd(0xe5), ['v128', 'v128'], 'v128'),
  mul: plain(simd(0xe6), ['v128', 'v128'], 'v128'),
  div: plain(simd(0xe7), ['v128', 'v128'], 'v128'),
  /**
   * `b < a ? b : a`, one machine instruction where `min` needs eight for NaNs and zeros: a NaN in `a` stays, one in `b`
   * is lost.
   */
  pmin: plain(simd(0xea), ['v128', 'v128'], 'v128'),
  /** `a < b ? b : a`, as `pmin`. */
  pmax: plain(simd(0xeb), ['v128', 'v128'], 'v128'),
  convert_i32x4_s: plain(simd(0xfa), ['v128'], 'v128'),
  /**
   * `a · b + c`, rounded once or twice as the machine likes. Only in engines with relaxed SIMD: see `code.multiplyAdd`.
   */
  relaxed_madd: plain(simd(0x105), ['v128', 'v128', 'v128'], 'v128'),
};

export const i32x4 = {
  /** Towards 0; what is too large becomes the largest, NaN 0. */
  trunc_sat_f32x4_s: plain(simd(0xf8), ['v128'], 'v128'),
  /** Of 16-bit lanes: products of neighbours, added in pairs. */
  dot_i16x8_s: plain(simd(0xba), ['v128', 'v128'], 'v128'),
  const: (...lanes: [number] | [number, number, number, number]): Value<'v128'> => ({
    type: 'v128',
    code: constant(lanes, int32),
  }),
  shl: plain(simd(0xab), ['v128', 'i32'], 'v128'),
  splat: plain(simd(0x11), ['i32'], 'v128'),
  shr_s: plain(simd(0xac), ['v128', 'i32'], 'v128'),
  shr_u: plain(simd(0xad), ['v128', 'i32'], 'v128'),
  add: plain(simd(0xae), ['v128', 'v128'], 'v128'),
  sub: plain(simd(0xb1), ['v128', 'v128'], 'v128'),
  mul: plain(simd(0xb5), ['v128', 'v128'], 'v128'),
};

export const i16x8 = {
  shr_u: plain(simd(0x8d), ['v128', 'i32'], 'v128'),
  /** The lanes of two vectors, all from 0 to 65535. */
  narrow_i32x4_u: plain(simd(0x86), ['v128', 'v128'], 'v128'),
};

export const i8x16 = {
  /** 32-bit lanes of two vectors, in any order: 0 … 3 are a's, 4 … 7 are b's. */
  shuffle: (a: Value<'v128'>, b: Value<'v128'>, lanes: readonly [number, number, number, number]): Value<'v128'> => ({
    type: 'v128',
    code: [
      codeOf('v128', a),
      codeOf('v128', b),
      simd(0x0d),
      ...lanes.flatMap((lane) => [4 * lane, 4 * lane + 1, 4 * lane + 2, 4 * lane + 3]),
    ],
  }),
};

export const memory = {
  /** Copies bytes as if through a buffer: the two areas may overlap. */
  copy: plain([0xfc, 0x0a, 0x00, 0x00], ['i32', 'i32', 'i32'], 'void'),
  /** From an address: this byte, so many times. */
  fill: plain([0xfc, 0x0b, 0x00], ['i32', 'i32', 'i32'], 'void'),
};

/** `condition ? a : b`; both are evaluated. */
export function select<T extends Type>(condition: Operand<'i32'>, a: Value<T>, b: Value<T>): Value<T> {
  const code = [a.code, codeOf(b.type, b), codeOf('i32', condition), 0x1c, 0x01, TYPE_CODES[a.type]];
  return { type: a.type, code };
}

/**
 * Zeros are made where they are used: that is one instruction without memory. All else stands once in the module and is read, for newer
 * engines make 128 bits out of two integers and shuffles at each use: under Node 24 `gelu` took 3.8 ms with that, 2.7 without; under Nodes
 * 20 and 22 it takes 2.7 either way.
 */
function constant(lanes: readonly number[], encode: (lane: number) => Uint8Array): Bytes {
  const bytes = (lanes.length === 1 ? Array.from({ length: 4 }, () => lanes[0]) : lanes).map(encode);
  const zero = bytes.every((lane) => lane.every((byte) => byte === 0));
  return zero ? [simd(0x0c), bytes] : [0x23, { lanes: bytes }];
}

const int32 = (lane: number): Uint8Array => new Uint8Array(Int32Array.of(lane).buffer);
