import type { Code } from '../../tensor/wasm/code.ts';
import { f32x4, i8x16, i32, i32x4, v128 } from '../../tensor/wasm/instructions.ts';
import type { Local, Operand, Value } from '../../tensor/wasm/values.ts';
import { WORD, words } from './address.ts';

/** How an element-by-element loop reaches its current elements: four at a time, or one at the ragged end. */
export interface Lanes {
  /** The current elements of a row that begins at this address. A single element stands in all four lanes. */
  load(row: Value<'i32'>): Value<'v128'>;
  store(row: Value<'i32'>, value: Value<'v128'>): void;
  /** The value with 0 in the lanes beyond the row: for sums, where an element may count once only. */
  once(value: Value<'v128'>): Value<'v128'>;
}

/**
 * Vectors that a turn computes where an exponential makes a chain of a hundred cycles. One at a time gelu took 20 ns a vector, two 14, four
 * 11; six 10 under Node 24, and 27 under Node 20, where they do not fit the registers.
 */
export const ABREAST = 4;

/** The vector of a row that stands so many bytes after its beginning. */
const vectorAt = (code: Code, offset: Local<'i32'>, further = 0): Lanes => ({
  load: (row) => v128.load(i32.add(row, offset), further),
  store: (row, value) => code.run(v128.store(i32.add(row, offset), value, further)),
  once: (value) => value,
});

/**
 * Visits the elements from `start` to `end` of rows: whole vectors, then the last one to three singly. So one body
 * serves both, and an element is computed alike wherever it stands.
 *
 * @param body emitted twice, or, where there are several abreast, so many times more
 * @param abreast how many vectors a turn computes, statement by statement (`code.abreast`): for long chains without branches
 */
export function forLanes(
  code: Code,
  start: Operand<'i32'>,
  end: Operand<'i32'>,
  body: (lanes: Lanes) => void,
  abreast = 1,
): void {
  const first = code.let(i32.mul(start, WORD));
  const last = code.let(i32.mul(end, WORD));
  if (abreast > 1) {
    const turn = 16 * abreast;
    const wide = code.let(i32.add(first, i32.mul(i32.div_u(i32.sub(last, first), turn), turn)));
    code.for(first, wide, turn, (offset) =>
      code.abreast(Array.from({ length: abreast }, (_, i) => () => body(vectorAt(code, offset, 16 * i)))),
    );
    code.set(first, wide);
  }
  const whole = code.let(i32.add(first, i32.and(i32.sub(last, first), -16)));
  code.for(first, whole, 16, (offset) => body(vectorAt(code, offset)));
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

/** `Σ term` over `count` elements of rows, in all four lanes; `abreast` as in `forLanes`, the same bytes for any. */
export function sumOver(
  code: Code,
  count: Value<'i32'>,
  term: (lanes: Lanes) => Value<'v128'>,
  abreast = 1,
): Local<'v128'> {
  const sum = code.let(f32x4.const(0));
  const part = code.let(f32x4.const(0));
  code.for(0, count, SUM_BLOCK, (start) => {
    code.set(part, f32x4.const(0));
    const end = code.let(i32.add(start, SUM_BLOCK));
    code.if(i32.lt_u(count, end), () => code.set(end, count));
    forLanes(code, start, end, (lanes) => code.set(part, f32x4.add(part, lanes.once(term(lanes)))), abreast);
    code.set(sum, f32x4.add(sum, part));
  });
  return sumAcross(code, sum);
}

/** Terms of a sum down rows that are added up before their sum joins the others', as in the kernels of GPU.js. */
const TERM_BLOCK = 32;

/** Vectors of a cache line. */
const LINE = 4;

/**
 * `to[e] = Σ term(i)` over the rows i from 0 to `count`, for the elements e from `start` to `end`: down the columns of a matrix. Sixteen
 * columns go together, for a row is far from the next one, and each visit brings a cache line of it.
 *
 * @param term of each group of columns; emitted for a line, for one vector and for one element
 */
export function storeSumsDown(
  code: Code,
  { start, end, count, to }: { start: Operand<'i32'>; end: Operand<'i32'>; count: Local<'i32'>; to: Local<'i32'> },
  term: (columns: readonly Lanes[], row: Local<'i32'>) => Value<'v128'>[],
): void {
  const sums = (columns: readonly Lanes[]): void => {
    const zeros = () => columns.map(() => code.let(f32x4.const(0)));
    const [totals, parts] = [zeros(), zeros()];
    code.for(0, count, TERM_BLOCK, (first) => {
      for (const part of parts) code.set(part, f32x4.const(0));
      const last = code.let(i32.add(first, TERM_BLOCK));
      code.if(i32.lt_u(count, last), () => code.set(last, count));
      code.for(first, last, 1, (row) => {
        for (const [i, value] of term(columns, row).entries()) code.set(parts[i], f32x4.add(parts[i], value));
      });
      for (const [i, total] of totals.entries()) code.set(total, f32x4.add(total, parts[i]));
    });
    for (const [i, { store }] of columns.entries()) store(to, totals[i]);
  };
  const first = code.let(i32.add(start, 0));
  const lines = code.let(i32.add(first, i32.and(i32.sub(end, first), -4 * LINE)));
  const last = code.let(words(lines));
  code.for(words(first), last, LINE * 16, (offset) =>
    sums(Array.from({ length: LINE }, (_, i) => vectorAt(code, offset, 16 * i))),
  );
  forLanes(code, lines, end, (lanes) => sums([lanes]));
}

/** The largest of `count` ≥ 1 elements, in all four lanes; NaNs do not count. */
export function largestOf(code: Code, count: Value<'i32'>, element: (lanes: Lanes) => Value<'v128'>): Local<'v128'> {
  const largest = code.let(f32x4.const(Number.NEGATIVE_INFINITY));
  forLanes(code, 0, count, (lanes) => code.set(largest, f32x4.pmax(largest, element(lanes))));
  return across(code, largest, f32x4.pmax);
}

export const sumAcross = (code: Code, value: Value<'v128'>): Local<'v128'> => across(code, value, f32x4.add);

/** What `sumAcross` gives of up to four vectors, each in a lane of its own, in fewer instructions than one by one. */
export function sumsAcross(code: Code, values: readonly Local<'v128'>[]): Local<'v128'> {
  const [a, b = a, c = a, d = a] = values;
  const halves = (x: Local<'v128'>, y: Local<'v128'>) =>
    code.let(f32x4.add(i8x16.shuffle(x, y, [0, 1, 4, 5]), i8x16.shuffle(x, y, [2, 3, 6, 7])));
  const [left, right] = [halves(a, b), halves(c, d)];
  return code.let(f32x4.add(i8x16.shuffle(left, right, [0, 2, 4, 6]), i8x16.shuffle(left, right, [1, 3, 5, 7])));
}

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
