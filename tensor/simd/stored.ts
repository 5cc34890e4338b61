import { type MatrixLayout, pack, unpack } from '../../kernels/simd/pack.ts';
import { PANEL, WEIGHT_BYTES, type WeightType } from '../../kernels/simd/weights.ts';
import { widenRange } from '../../kernels/simd/widen.ts';
import { DeviceError } from '../error.ts';
import { elements } from '../tensor.ts';
import type { Bank, Host } from './bank.ts';

/**
 * How elements lie: row by row, or as panels (pack.ts), which products read. Panels of rows are those of `y = x · Wᵀ`, eight rows
 * of W side by side; panels of columns are those of `y = x · W`.
 */
export type Layout = 'rows' | 'panels of rows' | 'panels of columns';

/**
 * What the device holds of a tensor, and where. The rule, for every input of every operation:
 *
 * - What was uploaded or drawn is a **weight**: it lives long and serves many products, and of the largest there is no room for
 *   two. The first product whose right operand it is puts panels in place of its rows. They stay, until panels of the other kind
 *   have been asked for twice.
 * - What an operation made is an **activation**, or a weight that the next step replaces. It stays as it is: a product packs it
 *   into temporary room, which it gives back.
 * - What a tensor does not hold is made of what it holds, in temporary room and for one operation: rows of panels, panels of the
 *   other kind, float32 of bfloat16. So every use of a tensor gives the numbers that it gives alone, at the cost of a copy, or
 *   where there is no room for one an error that names both uses.
 *
 * On one thread here a copy takes 0.2 to 0.5 ns an element, a product of 128 rows 6 to 7: packing a right operand for every
 * product costs it a twentieth, less with more rows. A weight of which products want both kinds (the second for gradients of
 * their inputs) pays two copies in every second product, instead of twice its memory.
 */
export interface Stored {
  readonly bank: Bank;
  at: number;
  readonly shape: readonly number[];
  readonly type: WeightType | 'int32';
  readonly weight: boolean;
  layout: Layout;
  /** What a product asked for and found not. */
  missed: Layout | undefined;
  /** Which operation made which panels of it. Errors say it. */
  packed: string | undefined;
}

/** Bytes of its rows. */
export const sizeOf = ({ shape, type }: Stored): number => elements(shape) * (type === 'bfloat16' ? 2 : 4);

export const weightType = ({ type }: Stored): WeightType => (type === 'bfloat16' ? 'bfloat16' : 'float32');

/** The tensor as rows of float32 (or int32), until the operation ends. */
export function plain(host: Host, stored: Stored): Stored {
  const rows = asRows(host, stored);
  if (rows.type !== 'bfloat16') return rows;
  const count = elements(rows.shape);
  const at = roomFor(host, rows, 4 * count, 'rows in float32');
  host.run(widenRange, { from: rows.at, to: at }, count);
  return { ...rows, at, type: 'float32', weight: false };
}

/** The tensor as rows in the type that it has, until the operation ends. */
export function asRows(host: Host, stored: Stored): Stored {
  if (stored.layout === 'rows') return stored;
  const type = weightType(stored);
  const matrix = matrixOf(stored, stored.layout);
  const at = roomFor(host, stored, sizeOf(stored), 'rows');
  host.run(unpack[type], { packed: stored.at, w: at, ...matrix }, panelsOf(matrix), matrix.N * matrix.K);
  return { ...stored, at, layout: 'rows', weight: false };
}

/** Where the tensor's panels lie: they are made if it does not hold them, and kept if it is a weight. */
export function panels(host: Host, stored: Stored, layout: Exclude<Layout, 'rows'>): number {
  if (stored.layout === layout) return stored.at;
  const type = weightType(stored);
  const matrix = matrixOf(stored, layout);
  const bytes = panelsOf(matrix) * PANEL * matrix.K * WEIGHT_BYTES[type];
  const settles = stored.weight && (stored.layout === 'rows' || stored.missed === layout);
  const to = roomFor(host, stored, bytes, layout, settles ? host.heap.allocate : host.temporary);
  const { at } = asRows(host, stored);
  host.run(pack[type], { w: at, packed: to, ...matrix }, panelsOf(matrix), matrix.N * matrix.K);
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
