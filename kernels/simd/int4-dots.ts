import { PER_WORD } from '../../tensor/int4.ts';
import { type Code, func } from '../../tensor/wasm/code.ts';
import { f32x4, i8x16, i16x8, i32, i32x4, select, v128 } from '../../tensor/wasm/instructions.ts';
import type { Local, Value } from '../../tensor/wasm/values.ts';
import { at, WORD } from './address.ts';
import { BLOCK, INT4_PARAMETERS, panelOf } from './int4.ts';
import { PANEL } from './weight-types.ts';

/** Bits of the lower of the two integers that an x is cut into. */
const LOW_BITS = 15;
/** What the largest x of a block is scaled to lie below, as a power of 2: the upper integer then has 16 bits with its sign. */
const TOP = 30;
/** Three vectors, then two for each word. */
const HEAD = 48;
const PER_WORD_BYTES = 32;

/** Bytes that the integers of a block of a row take. */
export const BLOCK_BYTES = HEAD + (BLOCK / PER_WORD) * PER_WORD_BYTES;

/**
 * A row of x in integers, for `int4Dots`. A block of 32 shares a power of two, by which its largest x comes to lie in [2²⁹, 2³⁰): what is cut off
 * is 2⁻³⁰ of that, where float32 itself has 2⁻²⁴. An x is then `high · 2¹⁵ + low`.
 *
 * ```
 * a block   1 / scale (4 ×)   Σ high (4 ×)   Σ low (4 ×)   four times: high of k = 0|4 1|5 2|6 3|7, low of the same
 * ```
 *
 * The halves of a lane are the inputs whose numbers lie at one place in the halves of a word. A block with an x that is infinite or NaN gets a
 * NaN for its scale, and so all results.
 *
 * Parameters: `x` `[K]`; `to` `[⌈K/32⌉]` blocks, of which those from `start` to `end` are written.
 */
export const int4Blocks = func(
  'blocks_int4',
  { x: 'i32', to: 'i32', K: 'i32', start: 'i32', end: 'i32' },
  (code, { x, to, K, start, end }) => {
    const xEnd = code.let(at(x, K));
    code.for(start, end, 1, (block) => {
      const first = code.let(at(x, block, BLOCK * WORD));
      const last = code.let(smaller(i32.add(first, BLOCK * WORD), xEnd));
      const most = code.let(f32x4.const(2 ** -97)); // smaller ones need no larger scale
      const poison = code.let(f32x4.const(0));
      code.for(first, last, 16, (from) => {
        const value = code.let(v128.load(from));
        code.set(most, f32x4.pmax(f32x4.abs(value), most));
        code.set(poison, f32x4.add(poison, f32x4.mul(value, f32x4.const(0))));
      });
      inAllLanes(code, most, f32x4.pmax);
      inAllLanes(code, poison, f32x4.add);
      const exponent = code.let(v128.and(most, i32x4.const(0xff << 23)));
      const scale = code.let(i32x4.sub(i32x4.const((TOP - 1 + 2 * 127) << 23), exponent));
      const inverse = f32x4.add(i32x4.sub(exponent, i32x4.const((TOP - 1) << 23)), poison);
      const block_ = code.let(at(to, block, BLOCK_BYTES));
      code.run(v128.store(block_, inverse));
      const sums = [0, 1].map(() => code.let(i32x4.const(0)));
      const place = code.let(i32.add(block_, HEAD));
      code.for(first, last, PER_WORD * WORD, (from) => {
        const whole = [0, 16].map((offset) => code.let(integers(v128.load(from, offset), scale)));
        const parts = [
          whole.map((each) => code.let(i32x4.shr_s(each, i32.const(LOW_BITS)))),
          whole.map((each) => code.let(v128.and(each, i32x4.const(2 ** LOW_BITS - 1)))),
        ];
        for (const [i, [lower, upper]] of parts.entries()) {
          code.set(sums[i], i32x4.add(sums[i], i32x4.add(lower, upper)));
          const pairs = v128.or(v128.and(lower, i32x4.const(0xffff)), i32x4.shl(upper, i32.const(16)));
          code.run(v128.store(place, pairs, 16 * i));
        }
        code.set(place, i32.add(place, PER_WORD_BYTES));
      });
      for (const [i, sum] of sums.entries()) {
        inAllLanes(code, sum, i32x4.add);
        code.run(v128.store(block_, f32x4.convert_i32x4_s(sum), 16 * (i + 1)));
      }
    });
  },
);

const integers = (value: Value<'v128'>, scale: Local<'v128'>): Value<'v128'> =>
  i32x4.trunc_sat_f32x4_s(f32x4.mul(value, scale));

/** Joins the four lanes of a vector, and puts the result into each. */
function inAllLanes(
  code: Code,
  vector: Local<'v128'>,
  join: (a: Value<'v128'>, b: Value<'v128'>) => Value<'v128'>,
): void {
  code.set(vector, join(vector, i8x16.shuffle(vector, vector, [2, 3, 0, 1])));
  code.set(vector, join(vector, i8x16.shuffle(vector, vector, [1, 0, 3, 2])));
}

/**
 * One row times a matrix in 4 bits, as in decoding: `y = x · Wᵀ + bias`, where blocks of 32 inputs share their group.
 *
 * Making float32 weights of the numbers takes four instructions for four of them, a product one more. Here sums of a block are of integers, which
 * are exact in any order, and a word's halves are multiplied side by side:
 *
 * ```
 * for each of a block's four words       64 numbers of eight outputs in two vectors
 *   for each place j in a half           n = word >> 4j & 15              two inputs of four outputs in eight 16-bit lanes
 *     high += dot(n, high of x)          products of neighbours, added in pairs: 2 · 2¹⁵ · 15 and 16 such sums stay below 2²⁴
 *     low  += dot(n, low of x)
 * y += scale · (high − zero · Σ high of x) · 2¹⁵ + (low − zero · Σ low of x)) / the block's scale
 * ```
 *
 * So eight numbers take 5.5 instructions where float32 takes ten, and zeros cost next to nothing. What is rounded is the last line.
 *
 * Parameters: the parts of the matrix (int4.ts), `blocks` of x, `bias` `[N]` or 0, `y` `[N]`; the panels from `start` to `end` are computed.
 */
export const int4Dots = func(
  'dots_int4',
  { ...INT4_PARAMETERS, blocks: 'i32', bias: 'i32', y: 'i32', K: 'i32', start: 'i32', end: 'i32' },
  (code, { blocks, bias, y, K, start, end, ...p }) => {
    code.for(start, end, 1, (panel) => {
      code.call(panelDots, {
        ...{ ...panelOf(p, panel, K), group: p.groups, blocks, K, wordsEnd: p.scales },
        bias: select(i32.eq(bias, 0), bias, at(bias, panel, PANEL * WORD)),
        y: at(y, panel, PANEL * WORD),
      });
    });
  },
);

/** Eight results. A function of its own, which V8 replaces by its optimised code at the next call. */
const panelDots = func(
  'panel_dots_int4',
  { words: 'i32', scales: 'i32', group: 'i32', blocks: 'i32', K: 'i32', wordsEnd: 'i32', bias: 'i32', y: 'i32' },
  (code, { words, scales, group, blocks, K, wordsEnd, bias, y }) => {
    const halves = [0, 1];
    const totals = halves.map(() => code.let(f32x4.const(0)));
    const end = code.let(at(words, K, (PANEL * WORD) / PER_WORD));
    code.loop((again) => {
      emitFetch(code, words, i32.add(scales, i32.load(group)), wordsEnd);
      const sums = halves.map(() => ({ high: code.let(i32x4.const(0)), low: code.let(i32x4.const(0)) }));
      for (const { high, low } of sums) for (const sum of [high, low]) code.set(sum, i32x4.const(0));
      const stop = code.let(smaller(i32.add(words, (BLOCK / PER_WORD) * PANEL * WORD), end));
      const x = code.let(i32.add(blocks, HEAD));
      code.loop((next) => {
        emitWord(code, words, x, sums);
        code.set(words, i32.add(words, PANEL * WORD));
        code.set(x, i32.add(x, PER_WORD_BYTES));
        code.branchIf(next, i32.lt_u(words, stop));
      });
      const from = code.let(i32.add(scales, i32.load(group)));
      for (const half of halves) {
        const zero = code.let(v128.load(from, 16 * half + PANEL * WORD));
        const part = (sum: Local<'v128'>, ofX: number): Value<'v128'> =>
          f32x4.sub(f32x4.convert_i32x4_s(sum), f32x4.mul(zero, v128.load(blocks, 16 * ofX)));
        const { high, low } = sums[half];
        const sum = code.let(code.multiplyAdd(part(high, 1), f32x4.const(2 ** LOW_BITS), part(low, 2)));
        const factor = f32x4.mul(v128.load(from, 16 * half), v128.load(blocks));
        code.set(totals[half], code.multiplyAdd(sum, factor, totals[half]));
      }
      code.set(blocks, i32.add(blocks, BLOCK_BYTES));
      code.set(group, i32.add(group, (BLOCK / PER_WORD) * WORD));
      code.branchIf(again, i32.lt_u(words, end));
    });
    for (const [half, total] of totals.entries()) {
      code.if(bias, () => code.set(total, f32x4.add(total, v128.load(bias, 16 * half))));
      code.run(v128.store(y, total, 16 * half));
    }
  },
);

/** What is fetched at once, and how far ahead that begins. */
const FETCHED = 1024;
const LINE = 64;

/**
 * Reads a word of each cache line that comes next, once in so many bytes. What a line takes in instructions fills the processor's window
 * with four lines, so only four would be on their way from memory at a time, and half of the time would go by waiting for them: a product of
 * a matrix that is not cached reaches 3 GB/s without this. Reads in one go are on their way together.
 *
 * @param wordsEnd behind the last word of the matrix: nothing beyond it is fetched
 */
function emitFetch(code: Code, words: Local<'i32'>, factors: Value<'i32'>, wordsEnd: Local<'i32'>): void {
  const due = i32.eq(i32.and(words, FETCHED - 1), i32.and(wordsEnd, FETCHED - 1));
  const inside = i32.lt_u(i32.add(words, 2 * FETCHED), wordsEnd);
  code.if(i32.and(due, inside), () => {
    for (let line = 0; line < FETCHED; line += LINE) code.let(i32.load(words, FETCHED + line));
    const next = code.let(factors);
    for (let line = 2 * LINE; line < 4 * LINE; line += LINE) code.let(i32.load(next, line));
  });
}

/** One word of each of eight outputs: 64 numbers. */
function emitWord(
  code: Code,
  words: Local<'i32'>,
  x: Local<'i32'>,
  sums: readonly { readonly high: Local<'v128'>; readonly low: Local<'v128'> }[],
): void {
  const packed = sums.map((_, half) => code.let(v128.load(words, 16 * half)));
  const mask = code.let(i32x4.const(0x000f000f));
  for (let place = 0; place < 4; place++) {
    const high = code.let(v128.load32_splat(x, place * WORD));
    const low = code.let(v128.load32_splat(x, 16 + place * WORD));
    for (const [half, sum] of sums.entries()) {
      const shifted = place === 0 ? packed[half] : i16x8.shr_u(packed[half], i32.const(4 * place));
      const numbers = code.let(place === 3 ? shifted : v128.and(shifted, mask));
      code.set(sum.high, i32x4.add(sum.high, i32x4.dot_i16x8_s(numbers, high)));
      code.set(sum.low, i32x4.add(sum.low, i32x4.dot_i16x8_s(numbers, low)));
    }
  }
}

const smaller = (a: Value<'i32'>, b: Local<'i32'>): Value<'i32'> => select(i32.lt_u(a, b), a, b);
