import { pack } from '../pack.ts';
import { ACTIVATION, product, SCRATCH, WORTH_WIDENING } from '../product.ts';
import { PANEL, WEIGHT_BYTES, type WeightType } from '../weights.ts';
import type { Host } from './bank.ts';
import type { Stored, Twin } from './driver.ts';

export const linear: Twin = (host, [x, weight, bias], { N, K, M, start }, y) => {
  const w = packedRows(host, weight, start, M, K);
  const type = weightType(weight);
  multiply(host, { x: x.at, w, type, bias: bias ? bias.at + 4 * start : 0, y: y.at, rows: N, N: M, K });
};

export const matmul: Twin = (host, [x, weight], { N, K, M }, y) => {
  const type = weightType(weight);
  const bytes = WEIGHT_BYTES[type];
  const w = packWhole(host, weight, { N: M, K, rowStride: bytes, columnStride: bytes * M });
  multiply(host, { x: x.at, w, type, bias: 0, y: y.at, rows: N, N: M, K });
};

export const weightType = ({ type }: Stored): WeightType => (type === 'bfloat16' ? 'bfloat16' : 'float32');

export interface Product {
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
  /** How many of its columns are computed; all by default. */
  readonly columns?: number;
}

/** `y[rows, N] = x[rows, K] · wᵀ + bias`. */
export function multiply(host: Host, { rows, N, type, columns = N, ...places }: Product): void {
  const panels = Math.ceil(columns / PANEL);
  const kernel = type === 'bfloat16' && rows >= WORTH_WIDENING ? 'widened' : type;
  const scratch = kernel === 'widened' ? host.temporary(SCRATCH * panels) : 0;
  const given = { ...places, scratch, N, residual: 0, activation: ACTIVATION.none, rowStart: 0, rowEnd: rows };
  host.run(product[kernel], given, panels, 2 * rows * columns * places.K);
}

/** A weight (n, k) is `n · rowStride + k · columnStride` bytes from the first. */
export interface MatrixLayout {
  readonly N: number;
  readonly K: number;
  readonly rowStride: number;
  readonly columnStride: number;
}

/**
 * The panels of a weight from its row `start` on. A whole weight is packed once, in place of its rows: what begins at a
 * multiple of PANEL is found in there.
 */
function packedRows(host: Host, weight: Stored, start: number, N: number, K: number): number {
  const type = weightType(weight);
  const bytes = WEIGHT_BYTES[type];
  const strides = { K, rowStride: bytes * K, columnStride: bytes };
  const R = weight.shape[0];
  if (N === R || (N % PANEL === 0 && start % PANEL === 0)) {
    return packWhole(host, weight, { N: R, ...strides }) + start * K * bytes;
  }
  const key = `${start}+${N}`;
  const known = weight.parts.get(key);
  if (known !== undefined) return known;
  const offset = host.heap.allocate(panelsBytes(type, N, K));
  weight.parts.set(key, offset);
  packInto(host, type, weight.at + bytes * start * K, { N, ...strides }, offset);
  return offset;
}

/** Packs a weight and gives up its rows. */
function packWhole(host: Host, weight: Stored, layout: MatrixLayout): number {
  if (!weight.packed) {
    const type = weightType(weight);
    const offset = host.heap.allocate(panelsBytes(type, layout.N, layout.K));
    packInto(host, type, weight.at, layout, offset);
    host.heap.free(weight.at);
    weight.at = offset;
    weight.packed = layout;
  }
  return weight.at;
}

export const panelsBytes = (type: WeightType, N: number, K: number): number =>
  Math.ceil(N / PANEL) * PANEL * K * WEIGHT_BYTES[type];

export function packInto(host: Host, type: WeightType, at: number, layout: MatrixLayout, to: number): void {
  host.run(pack[type], { w: at, packed: to, ...layout }, Math.ceil(layout.N / PANEL), layout.N * layout.K);
}

/** bfloat16 are the upper halves of float32. */
export function widen(from: Uint16Array, to: Int32Array): void {
  for (let i = 0; i < from.length; i++) to[i] = from[i] << 16;
}
