import { ACTIVATION, product, SCRATCH, WORTH_WIDENING } from '../product.ts';
import { PANEL, WEIGHT_BYTES, type WeightType } from '../weights.ts';
import type { Host } from './bank.ts';
import { asRows, panels, type Stored, weightType } from './stored.ts';
import type { Twin } from './twins.ts';

export const linear: Twin = (host, [x, weight, bias], { N, K, M, start }, y) => {
  const w = panelsOfRows(host, weight, start, M);
  const type = weightType(weight);
  multiply(host, { x: x.at, w, type, bias: bias ? bias.at + 4 * start : 0, y: y.at, rows: N, N: M, K });
};

export const matmul: Twin = (host, [x, weight], { N, K, M }, y) => {
  const w = panels(host, weight, 'panels of columns');
  multiply(host, { x: x.at, w, type: weightType(weight), bias: 0, y: y.at, rows: N, N: M, K });
};

/**
 * The panels of `count` rows from row `start` on. In the panels of a whole weight those of a part are found that begins at a
 * multiple of PANEL: a product does not look at what follows its last column. Any other part is packed apart.
 */
function panelsOfRows(host: Host, weight: Stored, start: number, count: number): number {
  const bytesOfRow = weight.shape[1] * WEIGHT_BYTES[weightType(weight)];
  const whole = weight.weight || weight.layout === 'panels of rows';
  if (whole && start % PANEL === 0) return panels(host, weight, 'panels of rows') + start * bytesOfRow;
  const rows = asRows(host, weight);
  const part = { ...rows, at: rows.at + start * bytesOfRow, shape: [count, weight.shape[1]], weight: false };
  return panels(host, part, 'panels of rows');
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
