import type { Input } from './target.ts';

/** What a case may take. */
export const MOST_MILLISECONDS = 1000;
export const MOST_BYTES = 256 * 2 ** 20;

export interface WorkerData {
  /** The URL of a module that exports `targets`. */
  readonly table: string;
  /** An Int32Array of `PLACE`. */
  readonly shared: SharedArrayBuffer;
}

/** Where the parent reads how far a worker is, even when it hangs. */
export const PLACE = { number: 0, accepted: 1, rejected: 2 } as const;

/** Cases `from` to below `to` of a target, or one input. */
export type ToWorker =
  | { readonly target: string; readonly seed: number; readonly from: number; readonly to: number }
  | { readonly target: string; readonly input: Input };

/** A case that failed. */
export type FromWorker = 'ready' | 'done' | { readonly number: number; readonly error: string };
