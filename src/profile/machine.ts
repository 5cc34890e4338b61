import { arch, cpus, platform, release, totalmem } from 'node:os';

/** What a measurement depends on: numbers of two machines do not compare. */
export interface Machine {
  readonly processor: string;
  readonly cores: number;
  /** In GiB. */
  readonly memory: number;
  readonly system: string;
  readonly node: string;
  readonly v8: string;
}

export function machine(): Machine {
  return {
    processor: cpus()[0]?.model.trim() || arch(),
    cores: cpus().length,
    memory: Math.round(totalmem() / 2 ** 30),
    system: `${platform()} ${release()} ${arch()}`,
    node: process.versions.node,
    v8: process.versions.v8,
  };
}

export const describeMachine = ({ processor, cores, memory, system, node }: Machine): string =>
  `${processor}, ${cores} cores, ${memory} GiB, ${system}, Node ${node}`;
