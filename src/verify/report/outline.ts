import { placeOf } from '../place.ts';
import type { Verdict } from './report.ts';

/** A part of the model, in the order of the computation. */
export interface Part {
  readonly name: string;
  readonly groups: readonly Group[];
}

/** A block, or what stands between blocks. */
export interface Group {
  readonly name: string;
  readonly taps: readonly string[];
}

/** The taps of a verdict, grouped: first by part, then by block. */
export function outline({ modes }: Verdict): Part[] {
  const parts = new Map<string, Map<string, Set<string>>>();
  for (const { name } of modes.flatMap(({ taps }) => taps.map(({ tap }) => tap))) {
    const { part, group } = placeOf(name);
    const groups = parts.get(part) ?? new Map<string, Set<string>>();
    parts.set(part, groups.set(group, (groups.get(group) ?? new Set()).add(name)));
  }
  return [...parts].map(([name, groups]) => ({
    name,
    groups: [...groups].map(([group, taps]) => ({ name: group, taps: [...taps] })),
  }));
}
