import { placeOf } from '../place.ts';
import type { Verdict } from './report.ts';

/** A part of the model, in the order of the computation. */
export interface Stage {
  readonly name: string;
  readonly groups: readonly Group[];
}

/** A block, or what stands between blocks. */
export interface Group {
  readonly name: string;
  readonly taps: readonly string[];
}

/** The taps of a verdict, grouped: first by stage, then by block. */
export function outline({ modes }: Verdict): Stage[] {
  const stages = new Map<string, Map<string, Set<string>>>();
  for (const { name } of modes.flatMap(({ taps }) => taps.map(({ tap }) => tap))) {
    const { stage, group } = placeOf(name);
    const groups = stages.get(stage) ?? new Map<string, Set<string>>();
    stages.set(stage, groups.set(group, (groups.get(group) ?? new Set()).add(name)));
  }
  return [...stages].map(([name, groups]) => ({
    name,
    groups: [...groups].map(([group, taps]) => ({ name: group, taps: [...taps] })),
  }));
}
