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

/** @returns what share of the machine's processors other programs took since this call */
export function watchOthers(): () => number {
  const [before, own] = [processorTimes(), process.cpuUsage()];
  return () => {
    const [after, { user, system }] = [processorTimes(), process.cpuUsage(own)];
    const others = after.busy - before.busy - (user + system) / 1000;
    return Math.min(1, Math.max(0, others / Math.max(1, after.all - before.all)));
  };
}

/** What the processors did since the machine started, in milliseconds. */
function processorTimes(): { all: number; busy: number } {
  const times = cpus().map((processor) => processor.times);
  const all = times.reduce((sum, { user, nice, sys, idle, irq }) => sum + user + nice + sys + idle + irq, 0);
  return { all, busy: all - times.reduce((sum, { idle }) => sum + idle, 0) };
}
