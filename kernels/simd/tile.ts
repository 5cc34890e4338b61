import { type Code, type Func, func, type Label, type LocalsOf } from '../../tensor/wasm/code.ts';
import { f32, f32x4, i32, v128 } from '../../tensor/wasm/instructions.ts';
import type { Local } from '../../tensor/wasm/values.ts';
import { at, WORD } from './address.ts';
import { loadWeights, PANEL, type WeightType } from './weight-types.ts';

/**
 * The tile of all large products, in rows and panels; where fewer rows are left, more panels side by side fill the
 * registers.
 */
export const TILE_ROWS = 4;
export const TILE_SHAPES: readonly (readonly [rows: number, panels: number])[] = [
  [TILE_ROWS, 1],
  [3, 1],
  [2, 1],
  [2, 2],
  [1, 1],
  [1, 2],
  [1, 3],
];

/** Vectors of four columns in a panel. */
const VECTORS = PANEL / 4;

const parameters = {
  x: 'i32',
  xRow: 'i32',
  xStep: 'i32',
  w: 'i32',
  wPanel: 'i32',
  wStep: 'i32',
  y: 'i32',
  yRow: 'i32',
  depth: 'i32',
  columns: 'i32',
  add: 'i32',
  bias: 'i32',
} as const;

/** Terms that one sum takes before it is added to its total, as in the kernels of GPU.js. */
const SUM_BLOCK = 32;

/**
 * The heart of the matrix product: a tile of results, which stay in registers while k runs.
 *
 * ```
 *                   w  ┌ 8 weights of this k ┐          one step of k:  2 loads of weights
 *                      │ wwww           wwww │                         4 loads of one x, copied to 4 lanes
 *    x   row 0   x ──► │ ssss           ssss │                         8 multiplications, 8 additions of 4 lanes
 *        row 1   x ──► │ ssss           ssss │
 *        row 2   x ──► │ ssss           ssss │          so 6 loads serve 64 operations: arithmetic is the limit,
 *        row 3   x ──► │ ssss           ssss │          not memory
 * ```
 *
 * **The register budget** is 15 of the 16 vector registers of x86-64; V8 keeps one for itself. It moves all loads of a
 * loop body to its top, so they count together: 8 sums + 2 weights + 4 x + 1 product = 15. Any larger tile spills to
 * the stack, and so does the same tile with two steps of k unrolled: 4 × 8 as it stands reached 90 % of the
 * multiply-add roof, unrolled twice 70 %, 6 × 8 72 %, 3 × 16 75 %.
 *
 * **Sums run in blocks** of 32 terms, so that rounding grows with K/32 and not with K; the totals wait on the stack
 * meanwhile.
 *
 * **A chain of additions** takes 3 or 4 cycles a step of k, so a tile needs about 6 sums to keep the units busy: two
 * rows take two panels at a time, one row three (6 sums + 6 weights + 1 x + 1 product = 14).
 *
 * It is a function of its own, not a part of the loops around it, because V8 replaces a function by its optimised code
 * at the next call, never in the middle of a loop.
 *
 * Every sum takes its terms in the order of k in a lane of its own, whatever the tile: so the bytes of a result do not
 * depend on which rows and columns are computed together.
 *
 * **Down columns**, for `xᵀ`: a row's elements lie `xStep` bytes apart, and the x of a step are neighbours in memory, so that one
 * pointer serves all rows.
 *
 * Parameters: `x` the first row at this block's first k, `xRow` bytes between rows, `xStep` from one k to the next where that is no word; `w` the first panel there, `wPanel`
 * bytes between panels, `wStep` from one k to the next; `y` the first result, `yRow` bytes between rows; `depth` ≥ 1
 * steps of k; `columns` that exist; `add` whether y is added to or written; `bias` what is added to every row, or 0.
 */
export const tile = (
  type: WeightType,
  rows: number,
  panels: number,
  xs: 'along rows' | 'down columns' = 'along rows',
): Func<typeof parameters> =>
  func(`tile_${rows}x${panels * PANEL}_${type}${xs === 'along rows' ? '' : '_down'}`, parameters, (code, p) => {
    const xStep = xs === 'along rows' ? WORD : p.xStep;
    const pointers = Array.from({ length: xs === 'along rows' ? rows : 1 }, (_, row) => code.let(at(p.x, row, p.xRow)));
    const y = Array.from({ length: rows }, (_, row) => code.let(at(p.y, row, p.yRow)));
    const w = Array.from({ length: panels }, (_, panel) => code.let(at(p.w, panel, p.wPanel)));
    const zeros = () => y.map(() => Array.from({ length: panels * VECTORS }, () => code.let(f32x4.const(0))));
    const sums = zeros();
    const totals = zeros();

    const [first] = pointers;
    const end = code.let(at(first, p.depth, xStep));
    const stop = code.let(first);
    const block = (again: Label): void => {
      code.set(stop, at(first, SUM_BLOCK, xStep));
      code.if(i32.lt_u(end, stop), () => code.set(stop, end));
      for (const sum of sums.flat()) code.set(sum, f32x4.const(0));
      code.loop(step);
      for (const [i, total] of totals.flat().entries()) code.set(total, f32x4.add(total, sums.flat()[i]));
      code.branchIf(again, i32.lt_u(first, end));
    };
    const step = (again: Label): void => {
      const weights = w.flatMap((pointer) =>
        Array.from({ length: VECTORS }, (_, v) => code.let(loadWeights(type, pointer, 4 * v))),
      );
      for (const [row, sumsOfRow] of sums.entries()) {
        const value = code.let(
          xs === 'along rows' ? v128.load32_splat(pointers[row]) : v128.load32_splat(first, row * WORD),
        );
        for (const [i, sum] of sumsOfRow.entries()) code.set(sum, code.multiplyAdd(value, weights[i], sum));
      }
      for (const pointer of w) code.set(pointer, i32.add(pointer, p.wStep));
      for (const pointer of pointers) code.set(pointer, i32.add(pointer, xStep));
      code.branchIf(again, i32.lt_u(first, stop));
    };
    code.loop(block);

    code.if(
      i32.lt_u(p.columns, panels * PANEL),
      () => writeSome(code, p, y, totals),
      () => writeAll(code, p, y, totals),
    );
  });

type Given = LocalsOf<typeof parameters>;

function writeAll(code: Code, { add, bias }: Given, y: Local<'i32'>[], sums: Local<'v128'>[][]): void {
  for (const [row, address] of y.entries()) {
    for (const [i, sum] of sums[row].entries()) {
      code.if(add, () => code.set(sum, f32x4.add(v128.load(address, 16 * i), sum)));
      code.if(bias, () => code.set(sum, f32x4.add(sum, v128.load(bias, 16 * i))));
      code.run(v128.store(address, sum, 16 * i));
    }
  }
}

/** At the right edge the panels are wider than the result. */
function writeSome(code: Code, { columns, add, bias }: Given, y: Local<'i32'>[], sums: Local<'v128'>[][]): void {
  for (const [row, address] of y.entries()) {
    for (let column = 0; column < 4 * sums[row].length; column++) {
      code.if(i32.lt_u(column, columns), () => {
        const sum = code.let(f32x4.extract_lane(sums[row][Math.floor(column / 4)], column % 4));
        code.if(add, () => code.set(sum, f32.add(f32.load(address, column * WORD), sum)));
        code.if(bias, () => code.set(sum, f32.add(sum, f32.load(bias, column * WORD))));
        code.run(f32.store(address, sum, column * WORD));
      });
    }
  }
}
