import { at } from './address.ts';
import { type Code, func } from './wasm/code.ts';
import { i32 } from './wasm/instructions.ts';
import type { Operand, Value } from './wasm/values.ts';
import { forEachType, PANEL, panelBytes, WEIGHT_BYTES, type WeightType } from './weights.ts';

/** A matrix as it lies as rows: its element (n, k) is `n · rowStride + k · columnStride` bytes from the first. */
export interface MatrixLayout {
  readonly N: number;
  readonly K: number;
  readonly rowStride: number;
  readonly columnStride: number;
}

/**
 * Packs a matrix into panels. A panel holds PANEL = 8 outputs; for each k their 8 weights
 * lie side by side, in the order in which the product reads them, without a gap and whatever the width of the matrix:
 *
 * ```
 *            W [N, K]                                packed [⌈N/8⌉, K, 8]
 *        k = 0  1  2 …                    panel 0                         panel 1
 *   n = 0  ┌ a  b  c …                  ┌───────────────┬──────────────┬─ ─┬──────
 *   n = 1  │ d  e  f …       ──►        │ a d … (n = 7) │ b e … (k = 1) │ …  │ n = 8 …
 *   …      │ …                          └───────────────┴──────────────┴─ ─┴──────
 * ```
 *
 * Rows beyond N are zeros. A matrix that is stored the other way round, `[K, N]`, differs only in its strides.
 *
 * Parameters: `w` the matrix, its weight (n, k) at `w + n·rowStride + k·columnStride` (bytes); `packed`; the panels
 * from `start` to `end` are written.
 */
export const pack = forEachType((type: WeightType) =>
  func(
    `pack_${type}`,
    { w: 'i32', packed: 'i32', N: 'i32', K: 'i32', rowStride: 'i32', columnStride: 'i32', start: 'i32', end: 'i32' },
    (code, { w, packed, N, K, rowStride, columnStride, start, end }) => {
      const bytes = WEIGHT_BYTES[type];
      const to = code.let(at(packed, start, panelBytes(type, K)));
      code.for(start, end, 1, (panel) => {
        const columns = Array.from({ length: PANEL }, (_, column) => ({
          index: i32.add(i32.mul(panel, PANEL), column),
          from: code.let(at(w, i32.add(i32.mul(panel, PANEL), column), rowStride)),
        }));
        code.for(0, K, 1, () => {
          for (const [column, { index, from }] of columns.entries()) {
            const offset = column * bytes;
            code.if(
              i32.lt_u(index, N),
              () => move(code, type, to, from, offset),
              () => code.run(storeBits(type, to, 0, offset)),
            );
            code.set(from, i32.add(from, columnStride));
          }
          code.set(to, i32.add(to, PANEL * bytes));
        });
      });
    },
  ),
);

/** The way back: the panels from `start` to `end` are written as rows. */
export const unpack = forEachType((type: WeightType) =>
  func(
    `unpack_${type}`,
    { packed: 'i32', w: 'i32', N: 'i32', K: 'i32', rowStride: 'i32', columnStride: 'i32', start: 'i32', end: 'i32' },
    (code, { packed, w, N, K, rowStride, columnStride, start, end }) => {
      const bytes = WEIGHT_BYTES[type];
      const step = PANEL * bytes;
      const last = code.let(i32.mul(end, PANEL));
      code.if(i32.lt_u(N, last), () => code.set(last, N));
      code.for(i32.mul(start, PANEL), last, 1, (row) => {
        const panel = at(packed, i32.div_u(row, PANEL), panelBytes(type, K));
        const from = code.let(at(panel, i32.rem_u(row, PANEL), bytes));
        const to = code.let(at(w, row, rowStride));
        code.for(0, K, 1, () => {
          move(code, type, to, from, 0);
          code.set(from, i32.add(from, step));
          code.set(to, i32.add(to, columnStride));
        });
      });
    },
  ),
);

/** A weight is moved as bits, not as a number: every NaN stays what it is. */
function move(code: Code, type: WeightType, to: Value<'i32'>, from: Value<'i32'>, offset: number): void {
  code.run(storeBits(type, to, type === 'float32' ? i32.load(from) : i32.load16_u(from), offset));
}

const storeBits = (type: WeightType, to: Value<'i32'>, bits: Operand<'i32'>, offset: number): Value<'void'> =>
  type === 'float32' ? i32.store(to, bits, offset) : i32.store16(to, bits, offset);
