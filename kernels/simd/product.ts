import { type Code, func, type LocalsOf } from '../../tensor/wasm/code.ts';
import { f32x4, i32, select } from '../../tensor/wasm/instructions.ts';
import type { Local, Operand, Value } from '../../tensor/wasm/values.ts';
import { at, WORD, words } from './address.ts';
import { emitGelu } from './gelu.ts';
import { forLanes, type Lanes } from './lanes.ts';
import { tile, tileShapes, unrolledBy, VECTORS, WHOLE_TILES } from './tile.ts';
import { forEachType, PANEL, panelBytes, WEIGHT_BYTES, type WeightType } from './weight-types.ts';
import { widen } from './widen.ts';

/**
 * Steps of k that one pass takes: 256 · 8 weights are 8 KB, so they stay in the first-level cache (32 to 48 KB) while
 * all rows of a row block use them.
 */
export const K_BLOCK = 256;

/**
 * Rows that share the weights of a panel while they are cached: 120 rows of 256 x are 120 KB of the second-level cache. A multiple of
 * WHOLE_TILES.
 */
const ROW_BLOCK = 120;

/** What happens to a finished result. */
export const ACTIVATION = { none: 0, gelu: 1 } as const;

/** Bytes for one block of k of one panel in float32. */
export const SCRATCH = K_BLOCK * PANEL * WEIGHT_BYTES.float32;

/** From so many rows on `widened` is faster: fewer rows lose less by widening in registers. */
export const WORTH_WIDENING = 24;

/** Those of every kernel that is a product. */
export const PRODUCT_PARAMETERS = {
  x: 'i32',
  w: 'i32',
  scratch: 'i32',
  bias: 'i32',
  residual: 'i32',
  y: 'i32',
  M: 'i32',
  N: 'i32',
  K: 'i32',
  activation: 'i32',
  unitRows: 'i32',
  unitPanels: 'i32',
  start: 'i32',
  end: 'i32',
} as const;

/**
 * `y = activation(x · Wᵀ + bias) + residual` over packed weights: `linear`, and `matmul` where the weights were packed
 * from their columns, each with what follows it in the model.
 *
 * ```
 * for each block of 120 rows                x and y of the block: second-level cache
 *   for each panel of 8 columns             its weights are read from memory once a block
 *     for each block of 256 k               8 KB of weights: first-level cache
 *       for each tile of 4 or 6 rows        4 × 8 or 6 × 8 sums: registers
 * ```
 *
 * x is read where it lies: rows are sequential streams, and packing four of them as well gained 1 to 4 %.
 *
 * One or two rows use each weight once or twice, so memory is the limit; the same layout serves, for panels are
 * sequential streams.
 *
 * Weights in 16 bits are widened in registers, anew for every tile, or, `widened`, once for a block of rows, into the
 * 8 KB of float32 that then stay in the first-level cache. The same bytes come out.
 *
 * Parameters: `x` `[M, K]`, `w` packed weights (pack.ts), `bias` `[N]` or 0, `residual` `[M, N]` or 0, `y` `[M, N]`;
 * `activation`. A unit is a part of y of `unitRows` rows and `unitPanels` panels (see `unitsOf`); those from `start` to `end` are
 * computed, which are numbered along the panels first. `scratch`, for `widened` ones alone, is room for `SCRATCH` bytes a unit.
 */
export const product = {
  ...forEachType((type: WeightType) =>
    func(`product_${type}`, PRODUCT_PARAMETERS, (code, p) => {
      const wPanel = code.let(panelBytes(type, p.K));
      emitProduct(code, type, p, {
        wPanel,
        panelsAtOnce,
        weightsOf: (panel, k) => at(at(p.w, panel, wPanel), k, PANEL * WEIGHT_BYTES[type]),
      });
    }),
  ),
  widened: widenedProduct('bfloat16', 'product_widened'),
  widened_float16: widenedProduct('float16', 'product_widened_float16'),
};

function widenedProduct(type: 'bfloat16' | 'float16', name: string) {
  return func(name, PRODUCT_PARAMETERS, (code, p) => {
    const wPanel = code.let(panelBytes(type, p.K));
    emitProduct(code, 'float32', p, {
      wPanel: 0,
      panelsAtOnce: () => i32.const(1),
      weightsOf(panel, k, depth, unit) {
        const from = at(at(p.w, panel, wPanel), k, PANEL * WEIGHT_BYTES[type]);
        const to = code.let(at(p.scratch, unit, SCRATCH));
        code.call(widen[type], { from, to, count: i32.mul(depth, PANEL) });
        return to;
      },
    });
  });
}

/**
 * `y = xᵀ · Wᵀ`, the gradient of a weight: x `[K, M]` is packed too, as panels of its columns (pack.ts). Everything else as in
 * `product`; the rows of a unit are a multiple of WHOLE_TILES.
 */
export const transposedProduct = func('product_transposed', PRODUCT_PARAMETERS, (code, p) => {
  const wPanel = code.let(panelBytes('float32', p.K));
  const weightsOf: Weights['weightsOf'] = (panel, k) => at(at(p.w, panel, wPanel), k, PANEL * WORD);
  emitProduct(code, 'float32', p, { wPanel, panelsAtOnce, weightsOf }, 'panels of columns');
});

/** About so many units, so that threads that take one after another are done at the same time. */
const UNITS = 32;

/** A unit of fewer rows brings panels to the first-level cache for too little. */
const FEWEST_ROWS = 32;

/** So many weights stay in a second-level cache beside the rows of a unit: 1 MB of it. */
const CACHED_WEIGHTS = 2 ** 18;

/**
 * How a product of M rows and N columns, sums of K terms, is cut into units. A thread reads all K of its rows and of its panels: of many
 * rows each unit has one block, which stays in the second-level cache while the unit's panels pass; few rows are not cut. Where all
 * weights stay there too, a unit has fewer rows and all panels: so a row is read by one thread, and its results are written by one.
 */
export function unitsOf(M: number, N: number, K: number): { unitRows: number; unitPanels: number; units: number } {
  const panels = Math.ceil(N / PANEL);
  const wholeRows = M >= FEWEST_ROWS * UNITS && N * K <= CACHED_WEIGHTS;
  const rowParts = Math.max(Math.ceil(M / ROW_BLOCK), wholeRows ? UNITS : 1);
  const unitRows = WHOLE_TILES * Math.ceil(M / rowParts / WHOLE_TILES);
  const unitPanels = Math.ceil(panels / Math.min(panels, Math.ceil(UNITS / rowParts)));
  return { unitRows, unitPanels, units: Math.ceil(M / unitRows) * Math.ceil(panels / unitPanels) };
}

/** Where a product finds its weights, in the type that its tiles take. */
interface Weights {
  /** Those of a panel, for so many steps of k from one on. */
  weightsOf(panel: Local<'i32'>, k: Local<'i32'>, depth: Local<'i32'>, unit: Local<'i32'>): Value<'i32'>;
  /** Bytes from one panel to the next, where several are taken at once. */
  readonly wPanel: Operand<'i32'>;
  panelsAtOnce(rows: Value<'i32'>): Value<'i32'>;
}

export function emitProduct(
  code: Code,
  type: WeightType,
  { x, bias, residual, y, M, N, K, activation, unitRows, unitPanels, start, end }: LocalsOf<typeof PRODUCT_PARAMETERS>,
  { weightsOf, wPanel, panelsAtOnce }: Weights,
  xLayout: 'rows' | 'panels of columns' = 'rows',
): void {
  const xs = xLayout === 'rows' ? 'along rows' : 'down panels';
  const [full, ...partial] = tileShapes(code).map(([rows, panels]) => ({
    rows,
    panels,
    compute: tile(type, rows, panels, xs, unrolledBy(code)),
  }));
  const xRow = code.let(xLayout === 'rows' ? words(K) : panelBytes('float32', K));
  const xStep = xLayout === 'rows' ? WORD : PANEL * WORD;
  const xAt = (row: Local<'i32'>, k: Local<'i32'>): Value<'i32'> =>
    at(at(x, k, xStep), xLayout === 'rows' ? row : i32.div_u(row, PANEL), xRow);
  const yRow = code.let(words(N));
  const panelCount = code.let(i32.div_u(i32.add(N, PANEL - 1), PANEL));
  const across = code.let(i32.div_u(i32.sub(i32.add(panelCount, unitPanels), 1), unitPanels));
  code.for(start, end, 1, (unit) => {
    const firstRow = code.let(i32.mul(i32.div_u(unit, across), unitRows));
    const rowEnd = code.let(smaller(i32.add(firstRow, unitRows), M));
    const firstPanel = code.let(i32.mul(i32.rem_u(unit, across), unitPanels));
    const panelEnd = code.let(smaller(i32.add(firstPanel, unitPanels), panelCount));
    code.for(firstRow, rowEnd, ROW_BLOCK, (first) => {
      const last = code.let(smaller(i32.add(first, ROW_BLOCK), rowEnd));
      const lastFull = code.let(i32.sub(last, i32.rem_u(i32.sub(last, first), full.rows)));
      const rest = code.let(i32.sub(last, lastFull));
      const wide = code.let(panelsAtOnce(i32.sub(last, first)));
      code.for(firstPanel, panelEnd, wide, (panel) => {
        const panels = code.let(smaller(i32.sub(panelEnd, panel), wide));
        const column = code.let(i32.mul(panel, PANEL));
        const columns = code.let(smaller(i32.sub(N, column), i32.mul(panels, PANEL)));
        const ownBias = code.let(select(bias, at(bias, column), i32.const(0)));
        code.for(0, K, K_BLOCK, (k) => {
          const depth = code.let(smaller(i32.sub(K, k), K_BLOCK));
          const weights = code.let(weightsOf(panel, k, depth, unit));
          // The first block of k writes, the others add; the last adds the bias too.
          const added = code.let(select(i32.lt_u(i32.add(k, depth), K), i32.const(0), ownBias));
          const run = ({ compute }: typeof full, row: Local<'i32'>): void =>
            code.call(compute, {
              x: xAt(row, k),
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
              bias: added,
              lane: i32.rem_u(row, PANEL),
            });
          code.for(first, lastFull, full.rows, (row) => run(full, row));
          for (const shape of partial) {
            const fits = i32.and(i32.eq(rest, shape.rows), i32.eq(panels, shape.panels));
            code.if(fits, () => run(shape, lastFull));
          }
        });
        code.if(i32.or(residual, activation), () =>
          code.call(finish, { y, residual, N, activation, column, columns, first, last }),
        );
      });
    });
  });
}

/** Activation and residual of one panel's results, while they are cached. */
const finish = func(
  'finish',
  {
    y: 'i32',
    residual: 'i32',
    N: 'i32',
    activation: 'i32',
    column: 'i32',
    columns: 'i32',
    first: 'i32',
    last: 'i32',
  },
  (code, { y, residual, N, activation, column, columns, first, last }) => {
    code.for(first, last, 1, (row) => {
      const offset = code.let(words(i32.add(i32.mul(row, N), column)));
      const to = code.let(i32.add(y, offset));
      code.if(i32.eq(activation, ACTIVATION.gelu), () => {
        const compute = ({ load, store }: Lanes) => store(to, emitGelu(code, code.let(load(to))));
        forLanes(code, 0, columns, compute, VECTORS);
      });
      code.if(residual, () =>
        forLanes(code, 0, columns, ({ load, store }) =>
          store(to, f32x4.add(load(to), load(i32.add(residual, offset)))),
        ),
      );
    });
  },
);

/** So that the tile has enough sums: see tile.ts. */
const panelsAtOnce = (rows: Value<'i32'>): Value<'i32'> =>
  select(i32.eq(rows, 1), i32.const(3), select(i32.eq(rows, 2), i32.const(2), i32.const(1)));

const smaller = (a: Value<'i32'>, b: Operand<'i32'>): Value<'i32'> =>
  select(i32.lt_u(a, b), a, typeof b === 'number' ? i32.const(b) : b);
