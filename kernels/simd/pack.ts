import { at } from './address.ts';
import { type Code, func } from './wasm/code.ts';
import { i32, v128 } from './wasm/instructions.ts';
import type { Local, Operand, Value } from './wasm/values.ts';
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
      code.for(start, end, 1, (panel) => {
        const first = code.let(i32.mul(panel, PANEL));
        const to = code.let(at(packed, panel, panelBytes(type, K)));
        const from = code.let(at(w, first, rowStride));
        code.if(
          sideBySide(type, N, first, rowStride),
          () => copy(code, type, K, { from, to, fromStep: columnStride, toStep: PANEL * bytes }),
          () => {
            const columns = Array.from({ length: PANEL }, (_, column) => ({
              index: i32.add(first, column),
              from: code.let(at(from, column, rowStride)),
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
          },
        );
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
      code.for(start, end, 1, (panel) => {
        const first = code.let(i32.mul(panel, PANEL));
        const from = code.let(at(packed, panel, panelBytes(type, K)));
        const to = code.let(at(w, first, rowStride));
        code.if(
          sideBySide(type, N, first, rowStride),
          () => copy(code, type, K, { from, to, fromStep: PANEL * bytes, toStep: columnStride }),
          () => {
            const left = code.let(i32.sub(N, first));
            code.if(i32.lt_u(PANEL, left), () => code.set(left, PANEL));
            code.for(0, left, 1, (row) => {
              const element = code.let(at(from, row, bytes));
              const place = code.let(at(to, row, rowStride));
              code.for(0, K, 1, () => {
                move(code, type, place, element, 0);
                code.set(element, i32.add(element, PANEL * bytes));
                code.set(place, i32.add(place, columnStride));
              });
            });
          },
        );
      });
    },
  ),
);

/** Whether the matrix holds the eight weights of a panel's step side by side too, as one that is stored the other way round does. */
const sideBySide = (type: WeightType, N: Local<'i32'>, first: Local<'i32'>, rowStride: Local<'i32'>): Value<'i32'> =>
  i32.and(i32.eq(rowStride, WEIGHT_BYTES[type]), i32.ge_u(i32.sub(N, first), PANEL));

/** Eight weights at a time. */
function copy(
  code: Code,
  type: WeightType,
  K: Local<'i32'>,
  { from, to, fromStep, toStep }: Record<'from' | 'to', Local<'i32'>> & Record<'fromStep' | 'toStep', Operand<'i32'>>,
): void {
  code.for(0, K, 1, () => {
    for (let offset = 0; offset < PANEL * WEIGHT_BYTES[type]; offset += 16) {
      code.run(v128.store(to, v128.load(from, offset), offset));
    }
    code.set(from, i32.add(from, fromStep));
    code.set(to, i32.add(to, toStep));
  });
}

/** A weight is moved as bits, not as a number: every NaN stays what it is. */
function move(code: Code, type: WeightType, to: Value<'i32'>, from: Value<'i32'>, offset: number): void {
  code.run(storeBits(type, to, type === 'float32' ? i32.load(from) : i32.load16_u(from), offset));
}

const storeBits = (type: WeightType, to: Value<'i32'>, bits: Operand<'i32'>, offset: number): Value<'void'> =>
  type === 'float32' ? i32.store(to, bits, offset) : i32.store16(to, bits, offset);
