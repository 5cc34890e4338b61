import { gelu } from '../gelu.ts';
import { pack } from '../pack.ts';
import { ACTIVATION, product } from '../product.ts';
import { PANEL, WEIGHT_BYTES, type WeightType } from '../weights.ts';
import type { Host, Stored, Twin } from './driver.ts';

/** Operations that take weights in bfloat16; for others they are widened. */
export const TAKE_BFLOAT16: ReadonlySet<string> = new Set(['linear', 'matmul', 'embedding']);

/** The operations that run as WebAssembly kernels, or as copies in its memory, by name. */
export const TWINS: Readonly<Record<string, Twin>> = {
  linear(host, [x, weight, bias], { N, K, M, start }, y) {
    const w = packedRows(host, weight, start, M, K);
    multiply(host, {
      x: x.at,
      w,
      type: weightType(weight),
      bias: bias ? bias.at + 4 * start : 0,
      y: y.at,
      rows: N,
      N: M,
      K,
    });
  },

  matmul(host, [x, weight], { N, K, M }, y) {
    const type = weightType(weight);
    const bytes = WEIGHT_BYTES[type];
    const w = packWhole(host, weight, { N: M, K, rowStride: bytes, columnStride: bytes * M });
    multiply(host, { x: x.at, w, type, bias: 0, y: y.at, rows: N, N: M, K });
  },

  gelu: (host, [x], { N, D }, y) => host.run(gelu, { x: x.at, y: y.at }, N * D),

  embedding({ heap, integers, floats }, [table, ids], { T, D }, y) {
    const rows = integers(ids.at, T);
    for (let i = 0; i < T; i++) {
      if (table.type === 'float32') floats(y.at + 4 * i * D, D).set(floats(table.at + 4 * rows[i] * D, D));
      else widen(new Uint16Array(heap.memory.buffer, table.at + 2 * rows[i] * D, D), integers(y.at + 4 * i * D, D));
    }
  },

  // It consumes its cache: the output takes its place in the memory, and it the place that was meant for the output.
  append({ floats, integers }, [cache, rows, segments], { D, G }, y) {
    [y.at, cache.at] = [cache.at, y.at];
    for (let g = 0; g < G; g++) {
      const [into, from, count] = integers(segments.at + 12 * g, 3);
      floats(y.at + 4 * into * D, count * D).set(floats(rows.at + 4 * from * D, count * D));
    }
  },

  columns({ floats }, [x], { N, C, start, width, stride, groups }, y) {
    for (let row = 0; row < N; row++) {
      const [source, target] = [floats(x.at + 4 * row * C, C), floats(y.at + 4 * row * groups * width, groups * width)];
      for (let g = 0; g < groups; g++) {
        const from = start + g * stride;
        target.set(source.subarray(from, from + width), g * width);
      }
    }
  },
};

const weightType = ({ type }: Stored): WeightType => (type === 'bfloat16' ? 'bfloat16' : 'float32');

function multiply(
  host: Host,
  {
    rows,
    N,
    type,
    ...given
  }: { x: number; w: number; type: WeightType; bias: number; y: number; rows: number; N: number; K: number },
): void {
  const fixed = { ...given, N, residual: 0, activation: ACTIVATION.none, rowStart: 0, rowEnd: rows };
  host.run(product[type], fixed, Math.ceil(N / PANEL));
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
  const offset = allocatePanels(host, type, N, K);
  weight.parts.set(key, offset);
  packInto(host, type, weight.at + bytes * start * K, { N, ...strides }, offset);
  return offset;
}

/** Packs a weight and gives up its rows. */
function packWhole(host: Host, weight: Stored, layout: MatrixLayout): number {
  if (!weight.packed) {
    const type = weightType(weight);
    const offset = allocatePanels(host, type, layout.N, layout.K);
    packInto(host, type, weight.at, layout, offset);
    host.heap.free(weight.at);
    weight.at = offset;
    weight.packed = layout;
  }
  return weight.at;
}

const allocatePanels = (host: Host, type: WeightType, N: number, K: number): number =>
  host.heap.allocate(Math.ceil(N / PANEL) * PANEL * K * WEIGHT_BYTES[type]);

export function packInto(host: Host, type: WeightType, at: number, layout: MatrixLayout, to: number): void {
  host.run(pack[type], { w: at, packed: to, ...layout }, Math.ceil(layout.N / PANEL));
}

/** bfloat16 are the upper halves of float32. */
export function widen(from: Uint16Array, to: Int32Array): void {
  for (let i = 0; i < from.length; i++) to[i] = from[i] << 16;
}
