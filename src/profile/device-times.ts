import type { DeviceClock } from './watch.ts';

/** What a device does, apart: kernels, data that it is given, data that is taken from it. */
export type Activity = 'compute' | 'upload' | 'readBack';

/**
 * What a device did between start and stop, by its own clock, in milliseconds. Null where there was nothing of the kind, where
 * it was shorter than a tick, or where it could not be timed in full: never 0.
 */
export interface DeviceTimes extends Readonly<Record<Activity, number | null>> {
  /** Kernels, as the device was told to run them: timed or not. */
  readonly launches: number;
}

/** A clock that wraps methods of the page's GPU, and takes itself off again. */
export interface GpuClock extends DeviceClock {
  /** Waits until the device has done what it was given. */
  stop(): Promise<DeviceTimes>;
  restore(): void;
}

/** A clock, or why there is none. */
export type InstalledClock = GpuClock | { readonly unavailable: string };

/** Something that the device did, in nanoseconds of its clock; null where that is not known. */
export interface Timed {
  readonly activity: Activity;
  readonly nanoseconds: number | null;
}

/** Adds up what a device did. */
export function timesOf(all: readonly Timed[]): DeviceTimes {
  const of = (activity: Activity) => all.filter((each) => each.activity === activity);
  const sum = (activity: Activity): number | null => {
    const times = of(activity).map(({ nanoseconds }) => nanoseconds);
    const total = times.reduce((sum, time) => (sum === null || time === null ? null : sum + time), 0);
    return total ? total / 1e6 : null;
  };
  return {
    compute: sum('compute'),
    upload: sum('upload'),
    readBack: sum('readBack'),
    launches: of('compute').length,
  };
}
