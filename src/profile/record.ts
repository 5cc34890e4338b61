/** Parts that are not the model's: the picture on its way to the device, and the steps behind the first token. */
export const IMAGE = 'image';
export const DECODE = 'decode';

/** How long something took, from the beginning of its pass. All times are milliseconds. */
export interface Span {
  readonly start: number;
  readonly milliseconds: number;
}

/** Whose clock a time was read from: the host's around an awaited launch, or the device's own. */
export type TimeSource = 'awaited' | 'timestamp-query' | 'EXT_disjoint_timer_query_webgl2';

/** One operation that was launched. Times are measured, operations and shapes exact, bytes modelled. */
export interface LaunchRecord {
  readonly part: string;
  readonly op: string;
  /** The block it belongs to, such as `transformer.h.3`. */
  readonly path: string;
  /** The activation that it makes; null for a step on the way to one, and where no activation was heard. */
  readonly tap: string | null;
  readonly inputs: readonly (readonly number[] | undefined)[];
  readonly shape: readonly number[];
  /** Floating-point operations the algorithm needs. */
  readonly operations: number;
  /** Bytes that must move once: what a kernel really moves is not known. */
  readonly bytes: number;
  /** What it cost the program to launch it: shapes are checked, the price is computed, the work is queued. */
  readonly launching: Span;
  /** From its turn in the queue until it was done, by the host's clock. */
  readonly awaited: Span;
  /** On the device; null where that could not be measured. */
  readonly milliseconds: number | null;
  readonly source: TimeSource | null;
  /** The kernels that it ran, one after another, by the host's clock. */
  readonly kernels: readonly (Span & { readonly name: string })[];
}

/** Data on its way to the device or back. */
export interface TransferRecord extends Span {
  readonly part: string;
  readonly kind: 'upload' | 'read';
  readonly label: string;
  readonly bytes: number;
}

/** Kernels that were recorded, run at once. */
export interface ListRecord extends Span {
  readonly part: string;
}

/** A part of a pass; parts follow each other without a gap. Each step of decoding is one. */
export interface PartRecord extends Span {
  readonly name: string;
}

/**
 * One forward pass: `stepwise`, every operation awaited by itself and every activation heard; `fused`, as it runs when no
 * activation is heard: operations may be one where they were several; or `unwatched`, in the same way, but only its parts are
 * timed: watching launches costs something too.
 */
export interface PassRecord {
  readonly kind: 'stepwise' | 'fused' | 'unwatched';
  readonly milliseconds: number;
  readonly parts: readonly PartRecord[];
  readonly launches: readonly LaunchRecord[];
  readonly transfers: readonly TransferRecord[];
  /** Where a device records what is launched, and operations are not timed one by one. */
  readonly lists: readonly ListRecord[];
}

/** A clock reads 0 for what is shorter than its tick: that is not known, and not nothing. */
export const measured = (milliseconds: number | undefined | null): number | null =>
  milliseconds !== undefined && milliseconds !== null && milliseconds > 0 ? milliseconds : null;

export const end = ({ start, milliseconds }: Span): number => start + milliseconds;
