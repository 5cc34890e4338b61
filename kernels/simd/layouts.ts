import { DeviceError } from '../../tensor/error.ts';
import type { Host } from '../../tensor/simd/bank.ts';
import { type Layout, type Stored, sizeOf } from '../../tensor/simd/stored.ts';
import { elements } from '../../tensor/tensor.ts';
import { int4Panels, int4Places } from './int4.ts';
import { type MatrixLayout, pack, unpack } from './pack.ts';
import { turnPanels } from './transpose.ts';
import { PANEL, WEIGHT_BYTES, weightType } from './weight-types.ts';
import { widenRange } from './widen.ts';

/** The kernels that what follows may run. */
export const LAYOUT_KERNELS = [
  turnPanels,
  ...Object.values(pack),
  ...Object.values(unpack),
  ...Object.values(int4Panels),
  ...Object.values(widenRange),
];

/** The tensor as rows of float32 (or int32), until the operation ends. */
export function asWords(host: Host, stored: Stored): Stored {
  const rows = asRows(host, stored);
  if (rows.type !== 'bfloat16' && rows.type !== 'float16') return rows;
  const count = elements(rows.shape);
  const at = roomFor(host, rows, 4 * count, 'rows in float32');
  host.run(widenRange[rows.type], { from: rows.at, to: at }, count);
  return { ...rows, at, type: 'float32', weight: false };
}

/** The tensor as rows in the type that it has, or of 4 bits in float32, until the operation ends. */
export function asRows(host: Host, stored: Stored): Stored {
  if (stored.layout === 'rows') return stored;
  if (stored.type === 'int4') return asRows(host, widenedPanels(host, stored));
  const type = weightType(stored);
  const matrix = matrixOf(stored, stored.layout);
  const at = roomFor(host, stored, sizeOf(stored), 'rows');
  host.run(unpack[type], { packed: stored.at, w: at, ...matrix }, panelsOf(matrix), matrix.N * matrix.K);
  return { ...stored, at, layout: 'rows', weight: false };
}

/** A matrix in 4 bits as panels of float32. */
function widenedPanels(host: Host, stored: Stored): Stored {
  const [N, K] = stored.shape;
  const packed = roomFor(host, stored, N * K * WEIGHT_BYTES.float32, 'panels in float32');
  host.run(int4Panels[stored.int4!.step === 1 ? 1 : 8], { ...int4Places(stored), packed, K }, N / PANEL, 4 * N * K);
  return { ...stored, at: packed, type: 'float32', weight: false };
}

/** Where the tensor's panels lie: they are made if it does not hold them, and kept if it is a weight. */
export function panels(host: Host, stored: Stored, layout: Exclude<Layout, 'rows'>): number {
  if (stored.layout === layout) return stored.at;
  const type = weightType(stored);
  const matrix = matrixOf(stored, layout);
  const bytes = panelsOf(matrix) * PANEL * matrix.K * WEIGHT_BYTES[type];
  const settles = stored.weight && (stored.layout === 'rows' || stored.missed === layout);
  const to = roomFor(host, stored, bytes, layout, settles ? host.heap.allocate : host.temporary);
  const { N, K } = matrix;
  if (stored.type === 'float32' && stored.layout !== 'rows' && N % PANEL === 0 && K % PANEL === 0) {
    host.run(turnPanels, { from: stored.at, to, N, K }, N / PANEL, N * K);
  } else {
    const { at } = asRows(host, stored);
    host.run(pack[type], { w: at, packed: to, ...matrix }, panelsOf(matrix), N * K);
  }
  if (settles) {
    host.heap.free(stored.at);
    Object.assign(stored, { at: to, layout, missed: undefined, packed: `${host.op} has made ${layout}` });
  } else {
    stored.missed = layout;
  }
  return to;
}

const panelsOf = ({ N }: MatrixLayout): number => Math.ceil(N / PANEL);

/** The matrix whose panels these are: of a weight [R, C], R outputs of C terms, or C outputs of R terms. */
function matrixOf(stored: Stored, layout: Exclude<Layout, 'rows'>): MatrixLayout {
  const [rows, columns] = stored.shape;
  const bytes = WEIGHT_BYTES[weightType(stored)];
  return layout === 'panels of rows'
    ? { N: rows, K: columns, rowStride: bytes * columns, columnStride: bytes }
    : { N: columns, K: rows, rowStride: bytes, columnStride: bytes * columns };
}

/** @throws DeviceError naming both uses where what another use has packed does not fit beside the panels */
function roomFor(
  host: Host,
  { shape, packed }: Stored,
  bytes: number,
  wanted: string,
  allocate = host.temporary,
): number {
  try {
    return allocate(bytes);
  } catch (cause) {
    if (!(cause instanceof DeviceError) || !packed) throw cause;
    throw new DeviceError(
      `simd: ${host.op} takes the ${wanted} of [${shape.join(',')}], of which ${packed}, and there is no room for both; make a tensor for each of the two, or give less --memory (${cause.message})`,
      { cause },
    );
  }
}
