import { type Code, type Func, func, type Label, type LocalsOf } from '../../tensor/wasm/code.ts';
import { f32, f32x4, i32, v128 } from '../../tensor/wasm/instructions.ts';
import type { Local, Operand } from '../../tensor/wasm/values.ts';
import { at, WORD } from './address.ts';
import { loadWeights, PANEL, WEIGHT_BYTES, type WeightType } from './weight-types.ts';

/** A multiple of the rows of either full tile. */
export const WHOLE_TILES = 12;

/**
 * The tiles of a product: first that of all large ones, what the registers hold (see `tile`); where fewer rows are left, more panels side
 * by side fill the registers.
 */
export function tileShapes({ modern }: Pick<Code, 'modern'>): readonly (readonly [rows: number, panels: number])[] {
  const most = modern ? 6 : 4;
  return [...Array.from({ length: most }, (_, i) => [most - i, 1] as const), [2, 2], [1, 2], [1, 3]];
}

/** Steps of k in a turn of their loops. */
export const unrolledBy = ({ modern }: Pick<Code, 'modern'>): number => (modern ? 4 : 1);

/** Vectors of four columns in a panel. */
export const VECTORS = PANEL / 4;

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
  lane: 'i32',
} as const;

/** How the rows of x lie, and so the k of a row. */
export type RowLayout =
  /** One after another: the k of a row are neighbours. */
  | 'along rows'
  /** Side by side, as many as the tile has, at each k. */
  | 'down columns'
  /** Side by side in packed panels of PANEL: a tile may begin in one and end in the next. */
  | 'down panels';

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
 * **The register budget** is 15 of the 16 vector registers of x86-64; V8 keeps one for itself. That of Node 20 and 22 moves all loads of
 * a loop body to its top, so they count together: 8 sums + 2 weights + 4 x + 1 product = 15. Any larger tile spills to
 * the stack, and so does the same tile with two steps of k unrolled: 4 × 8 as it stands reached 90 % of the
 * multiply-add roof, unrolled twice 70 %, 6 × 8 72 %, 3 × 16 75 %.
 *
 * **V8 of 2025** (Node 24) leaves loads where they are used, so that one x at a time suffices: 12 sums + 2 weights + 1 x = 15. There
 * 6 × 8 with four steps of k unrolled made 118 GFLOP/s, unrolled twice 113, not unrolled 106; 4 × 8 made 103 either way, and 7 × 8
 * spills. Under Node 20 and 22 that tile makes 70, and 4 × 8 102.
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
 * pointer serves all rows. **Down panels** they are neighbours as far as they are in one panel.
 *
 * Parameters: `x` the first row at this block's first k, `xRow` bytes between rows, `xStep` from one k to the next where that is no word; `w` the first panel there, `wPanel`
 * bytes between panels, `wStep` from one k to the next; `y` the first result, `yRow` bytes between rows; `depth` ≥ 1
 * steps of k; `columns` that exist; `add` whether y is added to or written; `bias` what is added to every row, or 0. Down panels `x` is
 * the first row's panel, `lane` its place there, and `xRow` bytes are between panels.
 *
 * @param unrolled steps of k in a turn of the loop; with several, w has to be in panels
 */
export const tile = (
  type: WeightType,
  rows: number,
  panels: number,
  xs: RowLayout = 'along rows',
  unrolled = 1,
): Func<typeof parameters> =>
  func(`tile_${rows}x${panels * PANEL}_${type}${NAMED[xs]}`, parameters, (code, p) => {
    const xStep = { 'along rows': WORD, 'down columns': p.xStep, 'down panels': PANEL * WORD }[xs];
    const wStep = unrolled > 1 ? PANEL * WEIGHT_BYTES[type] : p.wStep;
    const pointers = Array.from({ length: xs === 'down columns' ? 1 : rows }, (_, row) => {
      if (xs !== 'down panels') return code.let(at(p.x, row, p.xRow));
      const place = code.let(i32.add(p.lane, row));
      return code.let(at(at(p.x, i32.div_u(place, PANEL), p.xRow), i32.rem_u(place, PANEL)));
    });
    const y = Array.from({ length: rows }, (_, row) => code.let(at(p.y, row, p.yRow)));
    const w = Array.from({ length: panels }, (_, panel) => code.let(at(p.w, panel, p.wPanel)));
    const zeros = () => y.map(() => Array.from({ length: panels * VECTORS }, () => code.let(f32x4.const(0))));
    const sums = zeros();
    const totals = zeros();

    const [first] = pointers;
    const end = code.let(at(first, p.depth, xStep));
    const stop = code.let(first);
    /** Behind it fewer than `unrolled` steps are left. */
    const last = code.let(first);
    const block = (again: Label): void => {
      code.set(stop, at(first, SUM_BLOCK, xStep));
      code.if(i32.lt_u(end, stop), () => code.set(stop, end));
      for (const sum of sums.flat()) code.set(sum, f32x4.const(0));
      if (unrolled > 1) {
        code.set(last, i32.sub(stop, (unrolled - 1) * (xStep as number)));
        code.if(i32.lt_u(first, last), () => code.loop((more) => steps(unrolled, more, last)));
        code.if(i32.lt_u(first, stop), () => code.loop((more) => steps(1, more, stop)));
      } else code.loop((more) => steps(1, more, stop));
      for (const [i, total] of totals.flat().entries()) code.set(total, f32x4.add(total, sums.flat()[i]));
      code.branchIf(again, i32.lt_u(first, end));
    };
    /** So many steps of k, again while the next begin before `until`. */
    const steps = (count: number, again: Label, until: Local<'i32'>): void => {
      for (let ahead = 0; ahead < count; ahead++) {
        const weights = w.flatMap((pointer) =>
          Array.from({ length: VECTORS }, (_, v) => code.let(loadWeights(type, pointer, 4 * v + PANEL * ahead))),
        );
        for (const [row, sumsOfRow] of sums.entries()) {
          const value = code.let(
            xs === 'down columns'
              ? v128.load32_splat(first, row * WORD)
              : v128.load32_splat(pointers[row], ahead * (xStep as number)),
          );
          for (const [i, sum] of sumsOfRow.entries()) code.set(sum, code.multiplyAdd(value, weights[i], sum));
        }
      }
      for (const pointer of w) code.set(pointer, i32.add(pointer, times(wStep, count)));
      for (const pointer of pointers) code.set(pointer, i32.add(pointer, times(xStep, count)));
      code.branchIf(again, i32.lt_u(first, until));
    };
    code.loop(block);

    code.if(
      i32.lt_u(p.columns, panels * PANEL),
      () => writeSome(code, p, y, totals),
      () => writeAll(code, p, y, totals),
    );
  });

const NAMED: Readonly<Record<RowLayout, string>> = {
  'along rows': '',
  'down columns': '_down',
  'down panels': '_panels',
};

/** A step that is not known before it runs is taken alone. */
const times = (step: Operand<'i32'>, count: number): Operand<'i32'> => (typeof step === 'number' ? step * count : step);

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
