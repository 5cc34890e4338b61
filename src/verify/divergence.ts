import type { TapMeasurement } from './compare.ts';
import { placeOf } from './place.ts';
import type { Budget, Excess } from './tolerances.ts';

/** Where a run leaves the original. */
export interface Divergence {
  /** The first activation that exceeds its budget, in the order of the computation. */
  readonly name: string;
  /** How many activations before it are allowed so much that the same error would have been within budget there. */
  readonly unseen: number;
  /** The last activation before those, which is in order. */
  readonly after: string | undefined;
  /** The operations that made it, and those unseen, out of activations before: one of them broke. */
  readonly operations: readonly string[];
  readonly excess: Excess;
}

/**
 * @param results in the order of the computation
 * @param forced whether every block begins with the original's activation: what came before it is then not to blame
 * @returns undefined when nothing exceeds its budget
 */
export function firstDivergence(
  results: readonly TapMeasurement[],
  excesses: readonly Excess[],
  budgetOf: (tap: TapMeasurement) => Budget,
  forced: boolean,
): Divergence | undefined {
  const broken = new Map(excesses.map((excess) => [excess.name, excess]));
  const at = results.findIndex(({ name }) => broken.has(name));
  if (at < 0) return undefined;
  const { name } = results[at];
  const excess = broken.get(name)!;
  const { group } = placeOf(name);
  // An activation with a float64 twin is judged far more sharply than one without, and a norm more sharply than a product.
  const hides = (tap: TapMeasurement) => leastFault(excess) <= allowedOf(budgetOf(tap), excess.measure);
  let from = at;
  while (from > 0 && (!forced || placeOf(results[from - 1].name).group === group) && hides(results[from - 1])) from--;
  const operations = results.slice(from, at + 1).flatMap((tap) => tap.operations);
  return { name, unseen: at - from, after: results[from - 1]?.name, operations, excess };
}

/** How little can be wrong for what was found, if all that is allowed was used up by rounding. Squares do not subtract, roots do. */
function leastFault({ measure, found, allowed }: Excess): number {
  return measure === 'nmse' ? (Math.sqrt(found) - Math.sqrt(allowed)) ** 2 : found - allowed;
}

const allowedOf = ({ nmse, element, margin }: Budget, measure: Excess['measure']): number =>
  ({ nmse, element, token: margin })[measure];

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
