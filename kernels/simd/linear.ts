import type { Host } from '../../tensor/simd/bank.ts';
import type { Recipe } from '../../tensor/simd/recipe.ts';
import type { Layout, Stored } from '../../tensor/simd/stored.ts';
import { INT4_KERNELS, multiplyInt4 } from './int4-product.ts';
import { asRows, LAYOUT_KERNELS, panels } from './layouts.ts';
import { ACTIVATION, product, SCRATCH, transposedProduct, unitsOf, WORTH_WIDENING } from './product.ts';
import { PANEL, WEIGHT_BYTES, type WeightType, weightType } from './weight-types.ts';
import { zeros } from './zeros.ts';

const linear: Recipe = {
  op: 'linear',
  kernels: [...LAYOUT_KERNELS, ...Object.values(product), ...INT4_KERNELS],
  main: { input: 1, as: 'matrix' },
  run(host, [x, weight, bias], { N, K, M, start }, y) {
    const given = { x: x.at, bias: bias ? bias.at + 4 * start : 0, y: y.at, M: N, N: M, K };
    if (weight.type === 'int4' && start % PANEL === 0 && M % PANEL === 0) {
      multiplyInt4(host, weight, start, given);
      return;
    }
    const right = unpacked(host, weight);
    multiply(host, { ...given, w: panelsOfRows(host, right, start, M), type: weightType(right) });
  },
};

const matmul: Recipe = {
  op: 'matmul',
  kernels: [...LAYOUT_KERNELS, ...Object.values(product)],
  main: { input: 1, as: 'matrix' },
  run(host, [x, weight], { N, K, M, start }, y) {
    const right = unpacked(host, weight);
    const w = K === right.shape[0] ? panels(host, right, 'panels of columns') : panelsOfPart(host, right, start, K);
    multiply(host, { x: x.at, w, type: weightType(right), bias: 0, y: y.at, M: N, N: M, K });
  },
};

/** `aᵀ · b`: both are packed, so that a step of the sum finds its rows of either side by side. */
const weightGradient: Recipe = {
  op: 'weightGradient',
  kernels: [...LAYOUT_KERNELS, transposedProduct, zeros],
  run(host, [a, b], { N, M, K, R, start }, y) {
    const [x, w] = [a, b].map((matrix) => panels(host, { ...matrix, weight: false }, 'panels of columns'));
    if (M < R) host.run(zeros, { y: y.at }, R * K);
    const { units, ...cut } = unitsOf(M, K, N);
    const rest = { scratch: 0, bias: 0, residual: 0, activation: ACTIVATION.none };
    host.run(
      transposedProduct,
      { x, w, y: y.at + 4 * K * start, M, N: K, K: N, ...rest, ...cut },
      units,
      2 * N * M * K,
    );
  },
};

export const recipes: readonly Recipe[] = [linear, matmul, weightGradient];

/** What is not multiplied in 4 bits, as rows of float32 until the operation ends. */
const unpacked = (host: Host, weight: Stored): Stored => (weight.type === 'int4' ? asRows(host, weight) : weight);

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
  layout: Exclude<Layout, 'rows'> = 'panels of columns',
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
  readonly M: number;
  readonly N: number;
  readonly K: number;
}

/** `y[M, N] = x[M, K] · wᵀ + bias`. */
function multiply(host: Host, { x, w, type, bias, y, M, N, K }: Product): void {
  const { unitRows, unitPanels, units } = unitsOf(M, N, K);
  const many = M >= WORTH_WIDENING && type !== 'float32';
  const kernel = !many ? type : type === 'bfloat16' ? 'widened' : 'widened_float16';
  const scratch = many ? host.temporary(SCRATCH * units) : 0;
  const activation = ACTIVATION.none;
  const given = { x, w, scratch, bias, residual: 0, y, M, N, K, activation, unitRows, unitPanels };
  host.run(product[kernel], given, units, 2 * M * N * K);
}
