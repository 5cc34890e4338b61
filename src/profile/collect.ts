import type { Device, Launch, Transfer } from '../../tensor/device.ts';

/** Everything that a device did while it was watched. */
export interface Collected {
  /** When it began and ended, by `performance.now()`. */
  readonly start: number;
  readonly end: number;
  readonly launches: readonly (Launch & { readonly stage: string })[];
  readonly transfers: readonly Transfer[];
}

export interface Collector {
  /** What is launched from now on belongs to this stage. */
  enter(stage: string): void;
  /** Call when the device is idle. */
  stop(): Collected;
}

/** Watches every launch and every transfer of a device. One watcher a device: whoever watched before goes on afterwards. */
export function collect(device: Device): Collector {
  const { onLaunch, onTransfer } = device;
  const launches: (Launch & { readonly stage: string })[] = [];
  const transfers: Transfer[] = [];
  let stage = '';
  device.onLaunch = (launch) => {
    launches.push(Object.assign(launch, { stage, kernels: [] }));
  };
  device.onTransfer = (transfer) => void transfers.push(transfer);
  const start = performance.now();
  return {
    enter(name) {
      stage = name;
    },
    stop() {
      Object.assign(device, { onLaunch, onTransfer });
      return { start, end: performance.now(), launches, transfers };
    },
  };
}
