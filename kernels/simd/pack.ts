import { type Code, func } from '../../tensor/wasm/code.ts';
import { i32, v128 } from '../../tensor/wasm/instructions.ts';
import type { Local, Operand, Value } from '../../tensor/wasm/values.ts';
import { at } from './address.ts';
import { turnSquare } from './transpose.ts';
import { forEachType, PANEL, panelBytes, WEIGHT_BYTES, type WeightType } from './weight-types.ts';

/** A matrix as it lies as rows: its element (n, k) is `n · rowStride + k · columnStride` bytes from the first. */
export interface MatrixLayout {
  readonly N: number;
  readonly K: number;
  readonly rowStride: number;
  readonly columnStride: number;
}

/**
 * Packs a matrix into panels. A panel holds PANEL = 8 outputs; for each k their 8 weights
 * lie side by side, in the order in which the product reads them, without a gap, for a matrix of any width:
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
      const step = PANEL * bytes;
      const rest = copyPanels(code, type, { w, N, K, rowStride, start, end }, ({ rows, panel, k }) => ({
        from: { at: at(rows, k, columnStride), step: columnStride },
        to: { at: at(at(packed, panel, panelBytes(type, K)), k, step), step },
      }));
      code.for(rest, end, 1, (panel) => {
        const first = code.let(i32.mul(panel, PANEL));
        const to = code.let(at(packed, panel, panelBytes(type, K)));
        const columns = Array.from({ length: PANEL }, (_, column) => ({
          index: i32.add(first, column),
          from: code.let(at(w, i32.add(first, column), rowStride)),
        }));
        /** Of rows whose weights are neighbours so many are turned four by four, where none is missing. */
        const turned = code.let(i32.const(0));
        if (type === 'float32') {
          const whole = i32.and(i32.eq(columnStride, bytes), i32.ge_u(N, i32.add(first, PANEL)));
          code.if(whole, () => code.set(turned, i32.and(K, -4)));
          code.for(0, turned, 4, () => {
            for (const half of [0, 4]) {
              const rows = columns.slice(half, half + 4);
              turnSquare(
                code,
                rows.map(({ from }) => [from, 0]),
                rows.map((_, k) => [to, k * step + half * bytes]),
              );
            }
            for (const { from } of columns) code.set(from, i32.add(from, 4 * bytes));
            code.set(to, i32.add(to, 4 * step));
          });
        }
        code.for(turned, K, 1, () => {
          for (const [column, { index, from }] of columns.entries()) {
            const offset = column * bytes;
            code.if(
              i32.lt_u(index, N),
              () => move(code, type, to, from, offset),
              () => code.run(storeBits(type, to, 0, offset)),
            );
            code.set(from, i32.add(from, columnStride));
          }
          code.set(to, i32.add(to, step));
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
      const rest = copyPanels(code, type, { w, N, K, rowStride, start, end }, ({ rows, panel, k }) => ({
        from: { at: at(at(packed, panel, panelBytes(type, K)), k, step), step },
        to: { at: at(rows, k, columnStride), step: columnStride },
      }));
      const last = code.let(i32.mul(end, PANEL));
      code.if(i32.lt_u(N, last), () => code.set(last, N));
      code.for(i32.mul(rest, PANEL), last, 1, (row) => {
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

/** Steps of k that are copied of a panel before the next panel's are: so many rows are streams that run side by side. */
const STREAMS = 8;

interface Side {
  readonly at: Value<'i32'>;
  readonly step: Operand<'i32'>;
}

/**
 * Copies the full panels of a matrix that holds the eight weights of a step side by side itself, as one that is stored the
 * other way round does: eight at a time.
 *
 * @param sides where step k of a panel whose first step is at `rows` begins, and how far the next step is, on either side
 * @returns the first panel that is left to do
 */
function copyPanels(
  code: Code,
  type: WeightType,
  { w, N, K, rowStride, start, end }: Readonly<Record<'w' | 'N' | 'K' | 'rowStride' | 'start' | 'end', Local<'i32'>>>,
  sides: (place: Readonly<Record<'rows' | 'panel' | 'k', Local<'i32'>>>) => { readonly from: Side; readonly to: Side },
): Local<'i32'> {
  const rest = code.let(start);
  code.if(i32.eq(rowStride, WEIGHT_BYTES[type]), () => {
    code.set(rest, i32.div_u(N, PANEL));
    code.if(i32.lt_u(end, rest), () => code.set(rest, end));
    code.if(i32.lt_u(rest, start), () => code.set(rest, start));
    code.for(0, K, STREAMS, (k) => {
      const depth = code.let(i32.sub(K, k));
      code.if(i32.lt_u(STREAMS, depth), () => code.set(depth, STREAMS));
      code.for(start, rest, 1, (panel) => {
        const rows = code.let(at(w, i32.mul(panel, PANEL), rowStride));
        const { from: source, to: target } = sides({ rows, panel, k });
        const [read, write] = [code.let(source.at), code.let(target.at)];
        const copy = (): void => {
          for (let offset = 0; offset < PANEL * WEIGHT_BYTES[type]; offset += 16) {
            code.run(v128.store(write, v128.load(read, offset), offset));
          }
          code.set(read, i32.add(read, source.step));
          code.set(write, i32.add(write, target.step));
        };
        // Written out: gradients of weights, for which two matrices are packed, take 2 to 4 % less than with a loop.
        code.if(
          i32.eq(depth, STREAMS),
          () => {
            for (let step = 0; step < STREAMS; step++) copy();
          },
          () => code.for(0, depth, 1, copy),
        );
      });
    });
  });
  return rest;
}

/** A weight is moved as bits, not as a number: every NaN stays what it is. */
function move(code: Code, type: WeightType, to: Value<'i32'>, from: Value<'i32'>, offset: number): void {
  code.run(storeBits(type, to, type === 'float32' ? i32.load(from) : i32.load16_u(from), offset));
}

const storeBits = (type: WeightType, to: Value<'i32'>, bits: Operand<'i32'>, offset: number): Value<'void'> =>
  type === 'float32' ? i32.store(to, bits, offset) : i32.store16(to, bits, offset);
