import type { Code } from '../../tensor/wasm/code.ts';
import { f32x4, i8x16, i32, i32x4, v128 } from '../../tensor/wasm/instructions.ts';
import type { Local, Operand, Value } from '../../tensor/wasm/values.ts';
import { WORD } from './address.ts';

/** How an element-by-element loop reaches its current elements: four at a time, or one at the ragged end. */
export interface Lanes {
  /** The current elements of a row that begins at this address. A single element stands in all four lanes. */
  load(row: Value<'i32'>): Value<'v128'>;
  store(row: Value<'i32'>, value: Value<'v128'>): void;
  /** The value with 0 in the lanes beyond the row: for sums, where an element may count once only. */
  once(value: Value<'v128'>): Value<'v128'>;
}

/**
 * Visits the elements from `start` to `end` of rows: whole vectors, then the last one to three singly. So one body
 * serves both, and an element is computed alike wherever it stands.
 *
 * @param body emitted twice
 */
export function forLanes(code: Code, start: Operand<'i32'>, end: Operand<'i32'>, body: (lanes: Lanes) => void): void {
  const first = code.let(i32.mul(start, WORD));
  const last = code.let(i32.mul(end, WORD));
  const whole = code.let(i32.add(first, i32.and(i32.sub(last, first), -16)));
  code.for(first, whole, 16, (offset) =>
    body({
      load: (row) => v128.load(i32.add(row, offset)),
      store: (row, value) => code.run(v128.store(i32.add(row, offset), value)),
      once: (value) => value,
    }),
  );
  code.for(whole, last, WORD, (offset) =>
    body({
      load: (row) => v128.load32_splat(i32.add(row, offset)),
      store: (row, value) => code.run(v128.store32_lane(i32.add(row, offset), value, 0)),
      once: (value) => v128.and(value, i32x4.const(-1, 0, 0, 0)),
    }),
  );
}

/**
 * Elements that are added up before their sum joins that of the others: rounding grows with D/128 + 32 additions, not
 * with D/4.
 */
const SUM_BLOCK = 128;

/** `Σ term` over `count` elements of rows, in all four lanes. */
export function sumOver(code: Code, count: Value<'i32'>, term: (lanes: Lanes) => Value<'v128'>): Local<'v128'> {
  const sum = code.let(f32x4.const(0));
  const part = code.let(f32x4.const(0));
  code.for(0, count, SUM_BLOCK, (start) => {
    code.set(part, f32x4.const(0));
    const end = code.let(i32.add(start, SUM_BLOCK));
    code.if(i32.lt_u(count, end), () => code.set(end, count));
    forLanes(code, start, end, (lanes) => code.set(part, f32x4.add(part, lanes.once(term(lanes)))));
    code.set(sum, f32x4.add(sum, part));
  });
  return sumAcross(code, sum);
}

/** Terms of a sum down rows that are added up before their sum joins the others', as in the kernels of GPU.js. */
const TERM_BLOCK = 32;

/** `Σ term(i)` for i from 0 to `count`, each lane for itself: down the rows of a matrix. */
export function sumDown(code: Code, count: Local<'i32'>, term: (i: Local<'i32'>) => Value<'v128'>): Local<'v128'> {
  const sum = code.let(f32x4.const(0));
  const part = code.let(f32x4.const(0));
  code.for(0, count, TERM_BLOCK, (first) => {
    code.set(part, f32x4.const(0));
    const last = code.let(i32.add(first, TERM_BLOCK));
    code.if(i32.lt_u(count, last), () => code.set(last, count));
    code.for(first, last, 1, (i) => code.set(part, f32x4.add(part, term(i))));
    code.set(sum, f32x4.add(sum, part));
  });
  return sum;
}

/** The largest of `count` ≥ 1 elements, in all four lanes; NaNs do not count. */
export function largestOf(code: Code, count: Value<'i32'>, element: (lanes: Lanes) => Value<'v128'>): Local<'v128'> {
  const largest = code.let(f32x4.const(Number.NEGATIVE_INFINITY));
  forLanes(code, 0, count, (lanes) => code.set(largest, f32x4.pmax(largest, element(lanes))));
  return across(code, largest, f32x4.pmax);
}

export const sumAcross = (code: Code, value: Value<'v128'>): Local<'v128'> => across(code, value, f32x4.add);

/** The four lanes combined, in all four lanes: first with the other half, then with the neighbour. */
function across(
  code: Code,
  value: Value<'v128'>,
  combine: (a: Value<'v128'>, b: Value<'v128'>) => Value<'v128'>,
): Local<'v128'> {
  const four = code.let(value);
  const two = code.let(combine(four, i8x16.shuffle(four, four, [2, 3, 0, 1])));
  return code.let(combine(two, i8x16.shuffle(two, two, [1, 0, 3, 2])));
}
