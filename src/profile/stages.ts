import type { Device, Launch } from '../../tensor/device.ts';
import { hear } from './hear.ts';

/** What the operations of one stage added up to. */
export interface Stage {
  readonly name: string;
  operations: number;
  bytes: number;
  launches: number;
  /** Time in kernels, as far as they have run. */
  milliseconds: number;
}

/** Sums what a device does, stage by stage. */
export interface StageProfile {
  /** From now on launches count for this stage; a name used before is continued. */
  enter(name: string): void;
  stages(): Stage[];
  /** The share of the current stage's operations that have run, from 0 to 1. */
  progress(): number;
  stop(): void;
}

/** Watches every launch on a device until it is stopped. A listener from before goes on afterwards. */
export function profileStages(device: Device): StageProfile {
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
    stages: () =>
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
