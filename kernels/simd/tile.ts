import { WORD } from './address.ts';
import { type Code, type Func, func } from './wasm/code.ts';
import { f32, f32x4, i32, v128 } from './wasm/instructions.ts';
import type { Local } from './wasm/values.ts';
import { loadWeights, PANEL, WEIGHT_BYTES, type WeightType } from './weights.ts';

/** Rows of the largest tile. */
export const TILE_ROWS = 4;

const VECTORS = PANEL / 4;

const parameters = {
  x: 'i32',
  xRow: 'i32',
  w: 'i32',
  y: 'i32',
  yRow: 'i32',
  depth: 'i32',
  columns: 'i32',
  add: 'i32',
} as const;

export type Tile = Func<typeof parameters>;

/**
 * The heart of the matrix product: a tile of `rows` × 8 results, which stay in registers while k runs.
 *
 * ```
 *                   w  ┌ 8 weights of this k ┐          one step of k:  2 loads of weights
 *                      │ wwww   wwww │                                 4 loads of one x, copied to 4 lanes
 *    x   row 0   x ──► │ ssss   ssss │                                 8 multiplications, 8 additions of 4 lanes
 *        row 1   x ──► │ ssss   ssss │
 *        row 2   x ──► │ ssss   ssss │                  so 6 loads serve 64 operations: the arithmetic units are the
 *        row 3   x ──► │ ssss   ssss │                  limit, not memory
 * ```
 *
 * **The register budget** is 15 of the 16 vector registers of x86-64; V8 keeps one for itself. It moves all loads of a loop body
 * to its top, so they count together: 8 sums + 2 weights + 4 x + 1 product = 15. Any larger tile spills to the stack, and so does
 * the same tile with two steps of k unrolled: 4 × 8 as it stands reached 90 % of the multiply-add roof, unrolled twice 70 %, 6 × 8
 * 72 %, 3 × 16 75 %. A row alone has registers to spare, and unrolls to hide the latency of its two sums.
 *
 * It is a function of its own, not a part of the loops around it, because V8 replaces a function by its optimised code at the
 * next call, never in the middle of a loop.
 *
 * Every sum takes its terms in the order of k in a lane of its own, whatever the tile's height: so the bytes of a result do not
 * depend on which rows are computed together.
 *
 * Parameters: `x` the first row at this block's first k, `xRow` bytes between rows; `w` the panel there; `y` the first result,
 * `yRow` bytes between rows; `depth` ≥ 1 steps of k; `columns` of the panel that exist; `add` whether y is added to or written.
 */
function tile(type: WeightType, rows: number): Tile {
  return func(`tile_${rows}x${PANEL}_${type}`, parameters, (code, p) => {
    const sums = Array.from({ length: rows * VECTORS }, () => code.let(f32x4.const(0)));
    const x = Array.from({ length: rows }, (_, row) => code.let(i32.add(p.x, i32.mul(p.xRow, row))));
    const w = code.let(p.w);

    const step = (k: number): void => {
      const weights = Array.from({ length: VECTORS }, (_, v) => code.let(loadWeights(type, w, k * PANEL + 4 * v)));
      for (const [row, pointer] of x.entries()) {
        const value = code.let(v128.load32_splat(pointer, k * WORD));
        for (const [v, four] of weights.entries()) {
          const sum = sums[row * VECTORS + v];
          code.set(sum, code.multiplyAdd(value, four, sum));
        }
      }
    };
    const steps = (count: number, end: Local<'i32'>): void =>
      code.if(i32.lt_u(x[0], end), () =>
        code.loop((again) => {
          for (let k = 0; k < count; k++) step(k);
          code.set(w, i32.add(w, count * PANEL * WEIGHT_BYTES[type]));
          for (const pointer of x) code.set(pointer, i32.add(pointer, count * WORD));
          code.branchIf(again, i32.lt_u(x[0], end));
        }),
      );
    if (rows === 1) steps(4, code.let(i32.add(p.x, i32.mul(WORD, i32.and(p.depth, ~3)))));
    steps(1, code.let(i32.add(p.x, i32.mul(WORD, p.depth))));

    const y = Array.from({ length: rows }, (_, row) => code.let(i32.add(p.y, i32.mul(p.yRow, row))));
    code.if(
      i32.lt_u(p.columns, PANEL),
      () => writeSome(code, y, sums, p.columns, p.add),
      () => writeAll(code, y, sums, p.add),
    );
  });
}

function writeAll(code: Code, y: Local<'i32'>[], sums: Local<'v128'>[], add: Local<'i32'>): void {
  const each = (visit: (address: Local<'i32'>, sum: Local<'v128'>, offset: number) => void): void => {
    for (const [i, sum] of sums.entries()) visit(y[Math.floor(i / VECTORS)], sum, 16 * (i % VECTORS));
  };
  code.if(add, () => each((address, sum, offset) => code.set(sum, f32x4.add(v128.load(address, offset), sum))));
  each((address, sum, offset) => code.run(v128.store(address, sum, offset)));
}

/** At the right edge the panel is wider than the result. */
function writeSome(code: Code, y: Local<'i32'>[], sums: Local<'v128'>[], columns: Local<'i32'>, add: Local<'i32'>): void {
  for (let column = 0; column < PANEL - 1; column++) {
    code.if(i32.lt_u(column, columns), () => {
      for (const [row, address] of y.entries()) {
        const sum = code.let(f32x4.extract_lane(sums[row * VECTORS + Math.floor(column / 4)], column % 4));
        code.if(add, () => code.set(sum, f32.add(f32.load(address, column * WORD), sum)));
        code.run(f32.store(address, sum, column * WORD));
      }
    });
  }
}

/** The tiles of 1, 2, … TILE_ROWS rows. */
export const tiles = (type: WeightType): readonly Tile[] =>
  Array.from({ length: TILE_ROWS }, (_, index) => tile(type, index + 1));
