import { at, words } from './address.ts';
import { emitGelu } from './gelu.ts';
import { forLanes } from './lanes.ts';
import { TILE_ROWS, tiles } from './tile.ts';
import { func } from './wasm/code.ts';
import { f32x4, i32, select } from './wasm/instructions.ts';
import type { Local, Operand, Value } from './wasm/values.ts';
import { forEachType, PANEL, panelBytes, WEIGHT_BYTES, type WeightType } from './weights.ts';

/**
 * Steps of k that one pass takes: 256 · 8 weights are 8 KB, so they stay in the first-level cache (32 to 48 KB) while all rows of
 * a row block use them. And sums of 256 terms, added up, round less than one sum over all K.
 */
export const K_BLOCK = 256;

/** Rows that share the weights of a panel while they are cached: 128 rows of 256 x are 128 KB of the second-level cache. */
const ROW_BLOCK = 128;

/** What happens to a finished result. */
export const ACTIVATION = { none: 0, gelu: 1 } as const;

/**
 * `y = activation(x · Wᵀ + bias) + residual` over packed weights: `linear`, and `matmul` where the weights were packed from their
 * columns, each with what follows it in the model.
 *
 * ```
 * for each block of 128 rows                x and y of the block: second-level cache
 *   for each panel of 8 columns             its weights are read from memory once a block
 *     for each block of 256 k               8 KB of weights: first-level cache
 *       for each tile of 4 rows             4 × 8 sums: registers
 * ```
 *
 * x is read where it lies: four rows are four sequential streams, and packing them as well gained 1 to 4 %.
 *
 * A single row uses each weight once, so memory is the limit; the same layout serves, for it is one sequential stream.
 *
 * Parameters: `x` `[M, K]`, `w` packed weights (pack.ts), `bias` `[N]` or 0, `residual` `[M, N]` or 0, `y` `[M, N]`; `activation`;
 * the rows from `rowStart` to `rowEnd` of the panels from `start` to `end` are computed.
 */
export const product = forEachType((type: WeightType) => {
  const tile = tiles(type);
  return func(
    `product_${type}`,
    {
      x: 'i32',
      w: 'i32',
      bias: 'i32',
      residual: 'i32',
      y: 'i32',
      N: 'i32',
      K: 'i32',
      activation: 'i32',
      rowStart: 'i32',
      rowEnd: 'i32',
      start: 'i32',
      end: 'i32',
    },
    (code, { x, w, bias, residual, y, N, K, activation, rowStart, rowEnd, start, end }) => {
      const xRow = code.let(words(K));
      const yRow = code.let(words(N));
      code.for(rowStart, rowEnd, ROW_BLOCK, (first) => {
        const last = code.let(smaller(i32.add(first, ROW_BLOCK), rowEnd));
        const lastFull = code.let(i32.sub(last, i32.rem_u(i32.sub(last, first), TILE_ROWS)));
        code.for(start, end, 1, (panel) => {
          const column = code.let(i32.mul(panel, PANEL));
          const columns = code.let(smaller(i32.sub(N, column), PANEL));
          code.for(0, K, K_BLOCK, (k) => {
            const depth = code.let(smaller(i32.sub(K, k), K_BLOCK));
            const weights = code.let(at(at(w, panel, panelBytes(type, K)), k, PANEL * WEIGHT_BYTES[type]));
            const compute = (row: Local<'i32'>, rows: number): void =>
              code.call(tile[rows - 1], {
                x: at(at(x, k), row, xRow),
                xRow,
                w: weights,
                y: at(at(y, column), row, yRow),
                yRow,
                depth,
                columns,
                add: k, // the first block writes
              });
            code.for(first, lastFull, TILE_ROWS, (row) => compute(row, TILE_ROWS));
            for (let rest = 1; rest < TILE_ROWS; rest++) {
              code.if(i32.eq(i32.sub(last, lastFull), rest), () => compute(lastFull, rest));
            }
          });
          code.if(i32.or(i32.or(bias, residual), activation), () =>
            code.call(finish, { y, bias, residual, N, activation, column, columns, first, last }),
          );
        });
      });
    },
  );
});

/** Bias, activation and residual of one panel's results, while they are cached. */
const finish = func(
  'finish',
  {
    y: 'i32',
    bias: 'i32',
    residual: 'i32',
    N: 'i32',
    activation: 'i32',
    column: 'i32',
    columns: 'i32',
    first: 'i32',
    last: 'i32',
  },
  (code, { y, bias, residual, N, activation, column, columns, first, last }) => {
    code.for(first, last, 1, (row) => {
      const offset = code.let(words(i32.add(i32.mul(row, N), column)));
      forLanes(code, columns, ({ load, store }) => {
        const value = code.let(load(i32.add(y, offset)));
        code.if(bias, () => code.set(value, f32x4.add(value, load(at(bias, column)))));
        code.if(i32.eq(activation, ACTIVATION.gelu), () => code.set(value, emitGelu(code, value)));
        code.if(residual, () => code.set(value, f32x4.add(value, load(i32.add(residual, offset)))));
        store(i32.add(y, offset), value);
      });
    });
  },
);

const smaller = (a: Value<'i32'>, b: Operand<'i32'>): Value<'i32'> =>
  select(i32.lt_u(a, b), a, typeof b === 'number' ? i32.const(b) : b);
