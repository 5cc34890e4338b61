import { ELEMENT_BYTES, type StorageType } from '../dtype.ts';
import { elements } from '../tensor.ts';
import type { Bank } from './bank.ts';

/**
 * How elements lie: row by row, or as panels (kernels/simd/pack.ts), which products read. Panels of rows are those of
 * `y = x · Wᵀ`, eight rows of W side by side; panels of columns are those of `y = x · W`.
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
 * their inputs) pays a copy in every second product (two, where it is not in float32), instead of twice its memory.
 */
export interface Stored {
  readonly bank: Bank;
  at: number;
  readonly shape: readonly number[];
  readonly type: StorageType | 'int4';
  /** Of one in 4 bits, which is a weight, and stays as it is: where its parts lie (kernels/simd/int4.ts). */
  readonly int4?: Int4Parts;
  readonly weight: boolean;
  layout: Layout;
  /** What a product asked for and found not. */
  missed: Layout | undefined;
  /** Which operation made which panels of it. Errors say it. */
  packed: string | undefined;
}

/** The parts of a matrix in 4 bits, in bytes from its first. */
export interface Int4Parts {
  readonly scales: number;
  readonly groups: number;
  /** Inputs that are sure to share their group. */
  readonly step: 32 | 8 | 1;
  /** How many groups there are. */
  readonly G: number;
  /** All of it. */
  readonly bytes: number;
}

/** Bytes of its rows, or of all its parts. */
export const sizeOf = ({ shape, type, int4 }: Pick<Stored, 'shape' | 'type' | 'int4'>): number =>
  type === 'int4' ? int4!.bytes : elements(shape) * ELEMENT_BYTES[type];
