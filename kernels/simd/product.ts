import { type Code, func, type LocalsOf } from '../../tensor/wasm/code.ts';
import { f32x4, i32, select } from '../../tensor/wasm/instructions.ts';
import type { Local, Operand, Value } from '../../tensor/wasm/values.ts';
import { at, WORD, words } from './address.ts';
import { emitGelu } from './gelu.ts';
import { forLanes } from './lanes.ts';
import { TILE_ROWS, TILE_SHAPES, tile } from './tile.ts';
import { forEachType, PANEL, panelBytes, WEIGHT_BYTES, type WeightType } from './weight-types.ts';
import { widen } from './widen.ts';

/**
 * Steps of k that one pass takes: 256 · 8 weights are 8 KB, so they stay in the first-level cache (32 to 48 KB) while
 * all rows of a row block use them.
 */
export const K_BLOCK = 256;

/**
 * Rows that share the weights of a panel while they are cached: 128 rows of 256 x are 128 KB of the second-level cache.
 */
const ROW_BLOCK = 128;

/** What happens to a finished result. */
export const ACTIVATION = { none: 0, gelu: 1 } as const;

/** Bytes for one block of k of one panel in float32. */
export const SCRATCH = K_BLOCK * PANEL * WEIGHT_BYTES.float32;

/** From so many rows on `widened` is faster than `bfloat16`: fewer rows lose less by widening in registers. */
export const WORTH_WIDENING = 24;

const parameters = {
  x: 'i32',
  w: 'i32',
  scratch: 'i32',
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
} as const;

/**
 * `y = activation(x · Wᵀ + bias) + residual` over packed weights: `linear`, and `matmul` where the weights were packed
 * from their columns, each with what follows it in the model.
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
 * One or two rows use each weight once or twice, so memory is the limit; the same layout serves, for panels are
 * sequential streams.
 *
 * Weights in bfloat16 are widened in registers, anew for every tile, or, `widened`, once for a block of rows, into the
 * 8 KB of float32 that then stay in the first-level cache. The same bytes come out.
 *
 * Parameters: `x` `[M, K]`, `w` packed weights (pack.ts), `bias` `[N]` or 0, `residual` `[M, N]` or 0, `y` `[M, N]`;
 * `activation`; the rows from `rowStart` to `rowEnd` of the panels from `start` to `end` are computed. `scratch`, for
 * `widened` alone, is room for `SCRATCH` bytes a panel, of which a range uses its first: so threads keep apart.
 */
export const product = {
  ...forEachType((type: WeightType) =>
    func(`product_${type}`, parameters, (code, p) => {
      const wPanel = code.let(panelBytes(type, p.K));
      emitProduct(code, type, p, {
        wPanel,
        panelsAtOnce,
        weightsOf: (panel, k) => at(at(p.w, panel, wPanel), k, PANEL * WEIGHT_BYTES[type]),
      });
    }),
  ),
  widened: func('product_widened', parameters, (code, p) => {
    const wPanel = code.let(panelBytes('bfloat16', p.K));
    const to = code.let(at(p.scratch, p.start, SCRATCH));
    emitProduct(code, 'float32', p, {
      wPanel: 0,
      panelsAtOnce: () => i32.const(1),
      weightsOf(panel, k, depth) {
        const from = at(at(p.w, panel, wPanel), k, PANEL * WEIGHT_BYTES.bfloat16);
        code.call(widen, { from, to, count: i32.mul(depth, PANEL) });
        return to;
      },
    });
  }),
};

/** `y = xᵀ · Wᵀ`, x `[K, M]`, of which a row is `xStep` bytes long: the gradient of a weight. Everything else as in `product`. */
export const transposedProduct = func('product_transposed', { xStep: 'i32', ...parameters }, (code, p) => {
  const wPanel = code.let(panelBytes('float32', p.K));
  const weightsOf: Weights['weightsOf'] = (panel, k) => at(at(p.w, panel, wPanel), k, PANEL * WORD);
  emitProduct(code, 'float32', p, { wPanel, panelsAtOnce, weightsOf }, p.xStep);
});

/** Where a product finds its weights, in the type that its tiles take. */
interface Weights {
  /** Those of a panel, for so many steps of k from one on. */
  weightsOf(panel: Local<'i32'>, k: Local<'i32'>, depth: Local<'i32'>): Value<'i32'>;
  /** Bytes from one panel to the next, where several are taken at once. */
  readonly wPanel: Operand<'i32'>;
  panelsAtOnce(rows: Value<'i32'>): Value<'i32'>;
}

function emitProduct(
  code: Code,
  type: WeightType,
  { x, bias, residual, y, N, K, activation, rowStart, rowEnd, start, end }: LocalsOf<typeof parameters>,
  { weightsOf, wPanel, panelsAtOnce }: Weights,
  downColumns?: Local<'i32'>,
): void {
  const tiles = TILE_SHAPES.map(([rows, panels]) => ({
    rows,
    panels,
    compute: tile(type, rows, panels, downColumns ? 'down columns' : 'along rows'),
  }));
  const xRow = code.let(downColumns ? i32.const(WORD) : words(K));
  const xStep = code.let(downColumns ?? i32.const(WORD));
  const yRow = code.let(words(N));
  code.for(rowStart, rowEnd, ROW_BLOCK, (first) => {
    const last = code.let(smaller(i32.add(first, ROW_BLOCK), rowEnd));
    const lastFull = code.let(i32.sub(last, i32.rem_u(i32.sub(last, first), TILE_ROWS)));
    const rest = code.let(i32.sub(last, lastFull));
    const wide = code.let(panelsAtOnce(i32.sub(last, first)));
    code.for(start, end, wide, (panel) => {
      const panels = code.let(smaller(i32.sub(end, panel), wide));
      const column = code.let(i32.mul(panel, PANEL));
      const columns = code.let(smaller(i32.sub(N, column), i32.mul(panels, PANEL)));
      code.for(0, K, K_BLOCK, (k) => {
        const depth = code.let(smaller(i32.sub(K, k), K_BLOCK));
        const weights = code.let(weightsOf(panel, k, depth));
        // The first block of k writes, the others add.
        const run = ({ compute }: (typeof tiles)[number], row: Local<'i32'>): void =>
          code.call(compute, {
            x: at(at(x, k, xStep), row, xRow),
            xRow,
            xStep,
            w: weights,
            wPanel,
            wStep: PANEL * WEIGHT_BYTES[type],
            y: at(at(y, column), row, yRow),
            yRow,
            depth,
            columns,
            add: k,
          });
        const [full, ...partial] = tiles;
        code.for(first, lastFull, TILE_ROWS, (row) => run(full, row));
        for (const shape of partial) {
          const fits = i32.and(i32.eq(rest, shape.rows), i32.eq(panels, shape.panels));
          code.if(fits, () => run(shape, lastFull));
        }
      });
      code.if(i32.or(i32.or(bias, residual), activation), () =>
        code.call(finish, { y, bias, residual, N, activation, column, columns, first, last }),
      );
    });
  });
}

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
      forLanes(code, 0, columns, ({ load, store }) => {
        const value = code.let(load(i32.add(y, offset)));
        code.if(bias, () => code.set(value, f32x4.add(value, load(at(bias, column)))));
        code.if(i32.eq(activation, ACTIVATION.gelu), () => code.set(value, emitGelu(code, value)));
        code.if(residual, () => code.set(value, f32x4.add(value, load(i32.add(residual, offset)))));
        store(i32.add(y, offset), value);
      });
    });
  },
);

/** So that the tile has enough sums: see tile.ts. */
const panelsAtOnce = (rows: Value<'i32'>): Value<'i32'> =>
  select(i32.eq(rows, 1), i32.const(3), select(i32.eq(rows, 2), i32.const(2), i32.const(1)));

const smaller = (a: Value<'i32'>, b: Operand<'i32'>): Value<'i32'> =>
  select(i32.lt_u(a, b), a, typeof b === 'number' ? i32.const(b) : b);
