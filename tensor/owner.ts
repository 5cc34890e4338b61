import type { Tensor } from './device.ts';

/** What was made inside each open scope, the innermost last. For the engine. */
export const scopes: Set<Tensor>[] = [];

/** The innermost scope owns a tensor that was just made. For the engine. */
export function track(made: Tensor): void {
  scopes.at(-1)?.add(made);
}
