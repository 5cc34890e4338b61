import { ACTIVATION, product, SCRATCH, transposedProduct, WORTH_WIDENING } from '../../kernels/simd/product.ts';
import { PANEL, WEIGHT_BYTES, type WeightType } from '../../kernels/simd/weights.ts';
import { zeros } from '../../kernels/simd/zeros.ts';
import type { Host } from './bank.ts';
import { asRows, panels, type Stored, weightType } from './stored.ts';
import type { Twin } from './twins.ts';

export const linear: Twin = (host, [x, weight, bias], { N, K, M, start }, y) => {
  const w = panelsOfRows(host, weight, start, M);
  const type = weightType(weight);
  multiply(host, { x: x.at, w, type, bias: bias ? bias.at + 4 * start : 0, y: y.at, rows: N, N: M, K });
};

export const matmul: Twin = (host, [x, weight], { N, K, M, start }, y) => {
  const w = K === weight.shape[0] ? panels(host, weight, 'panels of columns') : panelsOfPart(host, weight, start, K);
  multiply(host, { x: x.at, w, type: weightType(weight), bias: 0, y: y.at, rows: N, N: M, K });
};

/** `aᵀ · b`: b is packed as the right operand of a product whose left one is read down its columns. */
export const weightGradient: Twin = (host, [a, b], { N, M, K, R, start }, y) => {
  const w = panels(host, { ...b, weight: false }, 'panels of columns');
  if (M < R) host.run(zeros, { y: y.at }, R * K);
  const units = Math.ceil(K / PANEL);
  const rest = { scratch: 0, bias: 0, residual: 0, activation: ACTIVATION.none, rowStart: 0, rowEnd: M };
  const given = { x: a.at, xStep: 4 * M, w, y: y.at + 4 * K * start, N: K, K: N, ...rest };
  host.run(transposedProduct, given, units, 2 * N * M * K);
};

/**
 * The panels of `count` rows from row `start` on. In the panels of a whole weight those of a part are found that begins at a
 * multiple of PANEL: a product does not look at what follows its last column. Any other part is packed apart.
 */
function panelsOfRows(host: Host, weight: Stored, start: number, count: number): number {
  const bytesOfRow = weight.shape[1] * WEIGHT_BYTES[weightType(weight)];
  const whole = weight.weight || weight.layout === 'panels of rows';
  if (whole && start % PANEL === 0) return panels(host, weight, 'panels of rows') + start * bytesOfRow;
  return panelsOfPart(host, weight, start, count, 'panels of rows');
}

/** Those of some rows of a weight, until the operation ends. */
function panelsOfPart(
  host: Host,
  weight: Stored,
  start: number,
  count: number,
  layout: 'panels of rows' | 'panels of columns' = 'panels of columns',
): number {
  const rows = asRows(host, weight);
  const [, columns] = weight.shape;
  const at = rows.at + start * columns * WEIGHT_BYTES[weightType(weight)];
  return panels(host, { ...rows, at, shape: [count, columns], weight: false }, layout);
}

interface Product {
  readonly x: number;
  /** Packed. */
  readonly w: number;
  readonly type: WeightType;
  readonly bias: number;
  readonly y: number;
  readonly rows: number;
  /** Columns of y. */
  readonly N: number;
  readonly K: number;
}

/** `y[rows, N] = x[rows, K] · wᵀ + bias`. */
function multiply(host: Host, { rows, type, ...places }: Product): void {
  const { N, K } = places;
  const units = Math.ceil(N / PANEL);
  const kernel = type === 'bfloat16' && rows >= WORTH_WIDENING ? 'widened' : type;
  const scratch = kernel === 'widened' ? host.temporary(SCRATCH * units) : 0;
  const given = { ...places, scratch, residual: 0, activation: ACTIVATION.none, rowStart: 0, rowEnd: rows };
  host.run(product[kernel], given, units, 2 * rows * N * K);
}
