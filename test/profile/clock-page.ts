import { add } from '../../kernels/add.ts';
import { linear } from '../../kernels/linear.ts';
import { rmsNorm } from '../../kernels/rms-norm.ts';
import { openDevice } from '../../src/open-device.ts';
import { clockFor } from '../../src/profile/device-clock.ts';
import type { DeviceTimes, GpuClock } from '../../src/profile/device-times.ts';
import { watch } from '../../src/profile/watch.ts';
import { closeDevice, type Device, type Launch } from '../../tensor/device.ts';
import { scope } from '../../tensor/scope.ts';
import { free, read, type Tensor, tensor } from '../../tensor/tensor.ts';

type Name = 'webgpu' | 'webgl2';

const data = (count: number) => Float32Array.from({ length: count }, (_, i) => Math.sin(i));
const square = (device: Device, side: number) => tensor(device, data(side * side), [side, side]);

/** A small product, one of 64 times as many operations, a norm of two kernels, and a sum. */
async function compute(device: Device): Promise<number[]> {
  const results = scope(() => {
    const x = square(device, 64);
    const large = square(device, 256);
    const norm = rmsNorm(linear(x, x), tensor(device, data(64), [64]), 1e-6);
    return { all: [read(add(norm, x)), read(linear(large, large))] };
  });
  await device.queue.idle();
  return (await Promise.all(results.all)).flatMap((values) => [...values]);
}

/** The methods that clocks wrap, and all others. */
const methods = () =>
  [GPUAdapter, GPUDevice, GPUQueue, GPUBuffer, GPUCommandEncoder, GPUComputePassEncoder, WebGL2RenderingContext]
    .map(({ prototype }) => Object.getOwnPropertyDescriptors(prototype))
    .flatMap((all) => Object.values(all).map(({ value }) => value));

export interface Profiled {
  readonly launches: readonly { op: string; milliseconds: number | null; source: string | null; kernels: number }[];
  /** Whether results are the same, bit by bit, with the clock and without. */
  readonly equal: boolean;
  readonly restored: boolean;
}

/** Runs in the page: the same work in a profile by the device's clock, and without. */
export async function profiled(_: Device, name: Name): Promise<Profiled | { unavailable: string }> {
  const before = methods();
  const clock = await clockFor(name);
  if ('unavailable' in clock) return clock;
  const { device } = await openDevice(name);
  await compute(device); // compiles
  const watched = watch(device, 'stepwise', clock);
  watched.enter('all');
  const timed = await compute(device);
  const { launches } = watched.stop();
  clock.restore();
  const plain = await compute(device);
  await closeDevice(device);
  return {
    launches: launches.map(({ op, milliseconds, source, kernels }) => ({
      ...{ op, milliseconds, source },
      kernels: kernels.length,
    })),
    equal: timed.length === plain.length && timed.every((value, i) => Object.is(value, plain[i])),
    restored: methods().every((method, i) => method === before[i]),
  };
}

/** What the clock says of some work, and what is known from elsewhere. */
export interface Clocked {
  readonly times: DeviceTimes;
  /** Kernels that the engine ran. */
  readonly kernels: number;
  /** By the host's clock, from start to stop. */
  readonly wall: number;
}

/** Large enough to be seen by a clock that ticks ten times a millisecond, as Chromium's does. */
const SIDE = 1024;

/** Runs in the page: an upload, a small and a large product, two launches at once, a read, and nothing at all. */
export async function clocked(_: Device, name: Name): Promise<Record<string, Clocked> | { unavailable: string }> {
  const clock = await clockFor(name);
  if ('unavailable' in clock) return clock;
  const { device } = await openDevice(name);
  try {
    return await measure(device, clock);
  } finally {
    clock.restore();
    await closeDevice(device);
  }
}

async function measure(device: Device, clock: GpuClock): Promise<Record<string, Clocked>> {
  await compute(device); // compiles
  async function during(work: () => Promise<unknown> | unknown): Promise<Clocked> {
    const launches: Launch[] = [];
    device.onLaunch = (launch) => {
      launch.kernels = [];
      launches.push(launch);
    };
    const begin = performance.now();
    clock.start();
    await work();
    await device.queue.idle();
    const times = await clock.stop();
    return { times, kernels: launches.flatMap(({ kernels = [] }) => kernels).length, wall: performance.now() - begin };
  }
  /** The machine has other work, which makes a time longer, never shorter. */
  async function fastestOf(runs: number, work: () => unknown): Promise<Clocked> {
    const all: Clocked[] = [];
    for (let i = 0; i < runs; i++) all.push(await during(work));
    return all.reduce((best, run) => ((run.times.compute ?? 0) < (best.times.compute ?? 0) ? run : best));
  }
  const made: Tensor[] = [];
  const make = (tensor: Tensor) => {
    made.push(tensor);
    return tensor;
  };
  const [small, large, whole] = [64, 256, SIDE].map((side) => make(square(device, side)));
  const gain = make(tensor(device, data(64), [64]));
  await device.queue.idle();
  const results = {
    upload: await during(() => make(square(device, SIDE))),
    small: await fastestOf(5, () => make(linear(small, small))),
    large: await fastestOf(5, () => make(linear(large, large))),
    several: await fastestOf(5, () => {
      make(rmsNorm(small, gain, 1e-6));
      make(linear(large, large));
    }),
    read: await during(() => read(whole)),
    nothing: await during(() => undefined),
  };
  for (const tensor of made) free(tensor);
  await device.queue.idle();
  return results;
}

/** Runs in the page: the same with a clock that comes when the device is there already: all that are open share it. */
export async function tooLate(_: Device, name: Name): Promise<Record<string, Clocked> | { unavailable: string }> {
  const { device } = await openDevice(name);
  try {
    await compute(device);
    return await clocked(device, name);
  } finally {
    await closeDevice(device);
  }
}
