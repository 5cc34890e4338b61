import type { Profile } from './profile.ts';
import { type Limit, leastMilliseconds, type Rates, ratesOf } from './rates.ts';
import { DECODE, end, IMAGE, type LaunchRecord, type PassRecord } from './record.ts';
import type { Roofs } from './roofs.ts';

/** Launches that have something in common. Times are null where one of them could not be measured. */
export interface Group extends Rates {
  readonly name: string;
  readonly launches: number;
  readonly operations: number;
  readonly bytes: number;
  readonly milliseconds: number | null;
}

/** Where the time of a part went. */
export interface PartSummary {
  readonly name: string;
  /** How often it was entered: the steps of decoding. */
  readonly times: number;
  readonly milliseconds: number;
  readonly launches: number;
  readonly operations: number;
  /** In kernels, from the turn of each launch until it was done or recorded, and in lists of what was recorded, by the host's clock. */
  readonly kernels: number;
  /** In the program, until they were queued. */
  readonly launching: number;
  readonly uploads: number;
  readonly reads: number;
  /** What is left: the host's other work, and what lies between kernels. */
  readonly between: number;
}

const sum = <Item>(items: readonly Item[], value: (item: Item) => number): number =>
  items.reduce((total, item) => total + value(item), 0);

function byKey<Item>(items: readonly Item[], key: (item: Item) => string): Map<string, Item[]> {
  const groups = new Map<string, Item[]>();
  for (const item of items) groups.set(key(item), [...(groups.get(key(item)) ?? []), item]);
  return groups;
}

/** The sum of what was measured; null when something was not. */
function sumMeasured(launches: readonly LaunchRecord[]): number | null {
  return launches.some(({ milliseconds }) => milliseconds === null)
    ? null
    : sum(launches, ({ milliseconds }) => milliseconds ?? 0);
}

/** Groups launches, the longest first. A group's share of the roof is the time that the roofs allow against the time it took. */
export function groupBy(
  launches: readonly LaunchRecord[],
  key: (launch: LaunchRecord) => string,
  roofs: Roofs | undefined,
): Group[] {
  return [...byKey(launches, key)]
    .map(([name, own]) => groupOf(name, own, roofs))
    .sort((a, b) => (b.milliseconds ?? 0) - (a.milliseconds ?? 0));
}

export function groupOf(name: string, launches: readonly LaunchRecord[], roofs: Roofs | undefined): Group {
  const work = { operations: sum(launches, (own) => own.operations), bytes: sum(launches, (own) => own.bytes) };
  const milliseconds = sumMeasured(launches);
  const rates = ratesOf(work, milliseconds, undefined);
  if (!roofs || launches.length === 0) return { name, launches: launches.length, ...work, milliseconds, ...rates };
  // Launch by launch, as each has a roof of its own: together they would lie under another one.
  const limited = launches.filter((launch) => leastMilliseconds(launch, roofs) !== null);
  if (limited.length === 0) return { name, launches: launches.length, ...work, milliseconds, ...rates };
  const least = (limit?: Limit) =>
    sum(limited, (own) =>
      limit && ratesOf(own, null, roofs).limit !== limit ? 0 : (leastMilliseconds(own, roofs) ?? 0),
    );
  const time = sumMeasured(limited);
  return {
    ...{ name, launches: launches.length, ...work, milliseconds, ...rates },
    share: time === null ? null : least() / time,
    limit: 2 * least('arithmetic') >= least() ? 'arithmetic' : 'memory',
  };
}

/** The parts of a pass, those of one name together. */
export function partsOf({ parts, launches, transfers, lists }: PassRecord): PartSummary[] {
  return [...byKey(parts, ({ name }) => name)].map(([name, entered]) => {
    const own = launches.filter(({ part }) => part === name);
    const milliseconds = sum(entered, (part) => part.milliseconds);
    const run = lists.filter(({ part }) => part === name);
    const kernels = sum(own, ({ awaited }) => awaited.milliseconds) + sum(run, (list) => list.milliseconds);
    const launching = sum(own, (launch) => launch.launching.milliseconds);
    // A transfer may wait for what was recorded.
    const moved = (kind: string) => {
      const moves = transfers.filter((transfer) => transfer.part === name && transfer.kind === kind);
      const within = run.filter((list) => moves.some((move) => move.start <= list.start && end(list) <= end(move)));
      return sum(moves, (move) => move.milliseconds) - sum(within, (list) => list.milliseconds);
    };
    const [uploads, reads] = [moved('upload'), moved('read')];
    return {
      ...{ name, times: entered.length, milliseconds, launches: own.length },
      operations: sum(own, (launch) => launch.operations),
      ...{ kernels, launching, uploads, reads, between: milliseconds - kernels - launching - uploads - reads },
    };
  });
}

/** The host's own part, and what comes behind the forward pass. */
const AROUND: ReadonlySet<string> = new Set([IMAGE, DECODE]);

/** The share of a forward pass's time that belongs to a launch, and so to a kernel by name: launching it, and running it. */
export function attributed(pass: PassRecord): number {
  const parts = partsOf(pass).filter(({ name }) => !AROUND.has(name));
  return sum(parts, ({ launching, kernels }) => launching + kernels) / sum(parts, (part) => part.milliseconds);
}

/** Milliseconds that the first pass took more than later ones; undefined where the machine was busier later, which hides them. */
export function firstExtra({ first, stepwise }: Profile): number | undefined {
  const extra = first.milliseconds - stepwise.milliseconds;
  return extra > 0 ? extra : undefined;
}

/** Launches that were faster than the roofs allow: their operations, bytes or time cannot be right. */
export function impossible({ launches }: PassRecord, roofs: Roofs | undefined): LaunchRecord[] {
  return launches.filter((launch) => (ratesOf(launch, launch.milliseconds, roofs).share ?? 0) > 1);
}
