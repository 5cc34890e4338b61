import { pack } from '../pack.ts';
import { ACTIVATION, product } from '../product.ts';
import { PANEL, WEIGHT_BYTES, type WeightType } from '../weights.ts';
import type { Host, Stored, Twin } from './driver.ts';

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
    const w = packed(host, weight, 'columns', { N: M, K, offset: 0, rowStride: bytes, columnStride: bytes * M });
    multiply(host, { x: x.at, w, type, bias: 0, y: y.at, rows: N, N: M, K });
  },

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

/** Rows `start` to `start + N` of a `[R, K]` matrix, packed once. */
function packedRows(host: Host, weight: Stored, start: number, N: number, K: number): number {
  const bytes = WEIGHT_BYTES[weightType(weight)];
  const layout = { N, K, offset: bytes * start * K, rowStride: bytes * K, columnStride: bytes };
  return packed(host, weight, `rows ${start}+${N}`, layout);
}

interface MatrixLayout {
  readonly N: number;
  readonly K: number;
  readonly offset: number;
  readonly rowStride: number;
  readonly columnStride: number;
}

/** A packed copy of a weight, which stays with it. */
function packed(host: Host, weight: Stored, key: string, layout: MatrixLayout): number {
  const known = weight.packed.get(key);
  if (known !== undefined) return known;
  const type = weightType(weight);
  const panels = Math.ceil(layout.N / PANEL);
  const offset = host.heap.allocate(panels * PANEL * layout.K * WEIGHT_BYTES[type]);
  weight.packed.set(key, offset);
  packInto(host, type, weight.at, layout, offset);
  return offset;
}

export function packInto(host: Host, type: WeightType, at: number, layout: MatrixLayout, to: number): void {
  const { offset, ...strides } = layout;
  host.run(pack[type], { w: at + offset, packed: to, ...strides }, Math.ceil(layout.N / PANEL));
}

/** bfloat16 are the upper halves of float32. */
function widen(from: Uint16Array, to: Int32Array): void {
  for (let i = 0; i < from.length; i++) to[i] = from[i] << 16;
}
