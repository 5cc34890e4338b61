import type { Device, Launch } from '../../tensor/device.ts';
import { hear } from './hear.ts';

/** What the operations of one part added up to. */
export interface Part {
  readonly name: string;
  operations: number;
  bytes: number;
  launches: number;
  /** Time in kernels, as far as they have run. */
  milliseconds: number;
}

/** Sums what a device does, part by part. */
export interface PartProfile {
  /** From now on launches count for this part; a name used before is continued. */
  enter(name: string): void;
  parts(): Part[];
  /** The share of the current part's operations that have run, from 0 to 1. */
  progress(): number;
  stop(): void;
}

/** Watches every launch on a device until it is stopped. A listener from before goes on afterwards. */
export function profileParts(device: Device): PartProfile {
  const launches = new Map<string, Launch[]>();
  let current: Launch[] = [];
  const stop = hear(device, { onLaunch: (launch) => current.push(launch) });
  const sum = (of: Launch[], value: (launch: Launch) => number) =>
    of.reduce((total, launch) => total + value(launch), 0);
  return {
    enter(name) {
      current = launches.get(name) ?? [];
      launches.set(name, current);
    },
    parts: () =>
      [...launches].map(([name, of]) => ({
        name,
        operations: sum(of, (launch) => launch.operations),
        bytes: sum(of, (launch) => launch.bytes),
        launches: of.length,
        milliseconds: sum(of, (launch) => launch.milliseconds ?? 0),
      })),
    progress: () => current.filter((launch) => launch.milliseconds !== undefined).length / Math.max(1, current.length),
    stop,
  };
}
