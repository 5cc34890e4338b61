import type { TapMeasurement } from './compare.ts';
import type { Excess } from './tolerances.ts';

/** Where a run leaves the original. */
export interface Divergence {
  /** The first activation that exceeds its budget, in the order of the computation. */
  readonly name: string;
  /** The last activation before it, which does not. */
  readonly after: string | undefined;
  /** The operations between the two: one of them broke. */
  readonly operations: readonly string[];
  readonly excess: Excess;
}

/** @param results in the order of the computation. @returns undefined when nothing exceeds its budget */
export function firstDivergence(
  results: readonly TapMeasurement[],
  excesses: readonly Excess[],
): Divergence | undefined {
  const broken = new Map(excesses.map((excess) => [excess.name, excess]));
  const at = results.findIndex(({ name }) => broken.has(name));
  if (at < 0) return undefined;
  const { name, operations } = results[at];
  return { name, after: results[at - 1]?.name, operations, excess: broken.get(name)! };
}

/** Operations in words: `columns ×3, rotary ×2, softmax`. */
export function listOperations(operations: readonly string[], most = 12): string {
  const counted: [string, number][] = [];
  for (const name of operations) {
    const last = counted.at(-1);
    if (last?.[0] === name) last[1]++;
    else counted.push([name, 1]);
  }
  const words = counted.map(([name, count]) => (count > 1 ? `${name} ×${count}` : name));
  return words.length > most ? `${words.slice(0, most).join(', ')} and ${words.length - most} more` : words.join(', ');
}
