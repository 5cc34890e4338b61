import { computed, signal } from '@preact/signals';
import { profileJson } from '../../profile/json.ts';
import type { LaunchRecord } from '../../profile/record.ts';
import { type Group, groupBy, groupOf, partsOf } from '../../profile/summary.ts';
import { traceEvents } from '../../profile/trace-events.ts';
import type { Profiled } from '../engine/profile.ts';
import { madeHere } from '../made.ts';
import { inAddress, named } from './address.ts';
import { call } from './engine.ts';
import { ensureAsked, failed, type PageExchange } from './exchange.ts';
import { mostThreads, opened, refused } from './model.ts';

/** The passes that can be looked at, by the trace's numbers. */
export const PASSES = {
  stepwise: 'every operation awaited by itself',
  fused: 'as it runs when nobody listens',
  first: 'the first, before anything is compiled',
} as const;
export type PassName = keyof typeof PASSES;
export const pass = inAddress('pass', 'stepwise');
export const chosenPass = (): PassName => named(PASSES, pass.value) ?? 'stepwise';

/** What was profiled, and the exchange that it is of. */
export const profiled = signal<(Profiled & { readonly exchange: PageExchange }) | undefined>(undefined);
export const progress = signal<{ readonly text: string; readonly stop: AbortController } | undefined>(undefined);
export const failure = signal<string | undefined>(undefined);

/** Profiles the last answer; what the address asks is asked first, if nothing was. */
export async function startProfiling(): Promise<void> {
  const stop = new AbortController();
  failure.value = undefined;
  progress.value = { text: 'waiting for the answer …', stop };
  try {
    const exchange = await ensureAsked();
    stop.signal.throwIfAborted();
    if (!exchange) throw new Error(failed.value ?? refused.value ?? 'There is no answer.');
    const found = await call(
      'profile',
      { threads: opened.value?.threads ?? mostThreads() },
      {
        signal: stop.signal,
        onReport(text) {
          progress.value = { text, stop };
        },
      },
    );
    profiled.value = { ...found, exchange };
  } catch (error) {
    if (!stop.signal.aborted) failure.value = (error as Error).message;
  } finally {
    if (progress.value?.stop === stop) progress.value = undefined;
  }
}

/** Launches of one operation together, and where most of their time goes. */
export interface Operation extends Group {
  readonly part: string;
  /** How many of them took less than a tick of the page's clock, and count with the 0 that it read. */
  readonly short: number;
}

/**
 * The launches with what the page's clock read of them, 0 too: its ticks are so coarse that many operations are shorter, but as it may
 * tick anywhere in them, their sum is as often too large as too small. The device's own clock needs no such thing.
 */
function asRead(launches: readonly LaunchRecord[]): readonly LaunchRecord[] {
  if (!launches.some(({ source }) => source === 'awaited')) return launches;
  return launches.map((launch) => ({ ...launch, milliseconds: launch.awaited.milliseconds }));
}

/** The operations of the pass in which each was awaited, the longest first, and all together. */
export const operations = computed<{ readonly each: readonly Operation[]; readonly all: Group } | undefined>(() => {
  if (!profiled.value) return undefined;
  const { profile, roofs } = profiled.value;
  const launches = asRead(profile.stepwise.launches);
  const each = groupBy(launches, ({ op }) => op, roofs).map((group) => {
    const own = launches.filter(({ op }) => op === group.name);
    const short = own.filter(({ milliseconds }) => milliseconds === 0).length;
    const { name: part } = groupBy(own, (launch) => launch.part, roofs)[0];
    return group.milliseconds === 0
      ? { ...groupOf(group.name, own.map(unknown), roofs), part, short }
      : { ...group, part, short };
  });
  return { each, all: groupOf('all', launches, roofs) };
});

/** Nothing was read of it: that is not known, and not nothing. */
const unknown = (launch: LaunchRecord): LaunchRecord => ({ ...launch, milliseconds: null });

/** Each part's time: awaited, and as it runs. */
export const parts = computed(() => {
  if (!profiled.value) return [];
  const { stepwise, unwatched } = profiled.value.profile;
  const asItRuns = new Map(partsOf(unwatched).map(({ name, milliseconds }) => [name, milliseconds]));
  return partsOf(stepwise).map((part) => ({ ...part, asItRuns: asItRuns.get(part.name) ?? 0 }));
});

/** The trace for chrome://tracing, Perfetto and speedscope. */
export const trace = computed(
  () => profiled.value && traceEvents(profiled.value.profile, profiled.value.device.description),
);

/** The profile as `qvl profile --json` writes it. */
export function json({ profile, roofs, device, prompt, exchange }: NonNullable<typeof profiled.value>): string {
  const made = madeHere();
  const machine = `${made.system}, ${navigator.hardwareConcurrency} cores, ${made.runtime}`;
  const work = { question: exchange.question, prompt };
  return profileJson({ made, machine, device, roofs, model: 'model', work }, profile);
}
