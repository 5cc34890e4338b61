import { add } from '../../kernels/add.ts';
import { linear } from '../../kernels/linear.ts';
import { rmsNorm } from '../../kernels/rms-norm.ts';
import { watch } from '../../src/profile/watch.ts';
import { webglClock } from '../../src/profile/webgl-clock.ts';
import { type InstalledClock, webgpuClock } from '../../src/profile/webgpu-clock.ts';
import { closeDevice, type Device } from '../../tensor/device.ts';
import { openDevice } from '../../tensor/open.ts';
import { scope } from '../../tensor/scope.ts';
import { read, tensor } from '../../tensor/tensor.ts';

export interface Clocked {
  readonly unavailable?: string;
  /** By operation: the time on the device, and whose clock it is. */
  readonly launches: readonly { op: string; milliseconds: number | null; source: string | null; kernels: number }[];
  readonly equal: boolean;
  readonly restored: boolean;
}

const data = (count: number) => Float32Array.from({ length: count }, (_, i) => Math.sin(i));

/** A small product, one of 64 times as many operations, a norm of two kernels, and a sum. */
async function compute(device: Device, after: (launched: Promise<void>) => Promise<void>): Promise<number[]> {
  const results = scope(() => {
    const x = tensor(device, data(64 * 64), [64, 64]);
    const large = tensor(device, data(256 * 256), [256, 256]);
    const product = linear(x, x);
    const norm = rmsNorm(product, tensor(device, data(64), [64]), 1e-6);
    return { all: [read(add(norm, x)), read(linear(large, large))] };
  });
  await after(device.queue.idle());
  return (await Promise.all(results.all)).flatMap((values) => [...values]);
}

const prototypes = () => [
  GPUAdapter.prototype.requestDevice,
  GPUDevice.prototype.createCommandEncoder,
  GPUCommandEncoder.prototype.beginComputePass,
  WebGL2RenderingContext.prototype.drawArrays,
];

/** Runs in the page: the same work with the device's clock and without. */
export async function clocked(_: Device, name: 'webgpu' | 'webgl2'): Promise<Clocked> {
  const before = prototypes();
  const clock: InstalledClock = name === 'webgpu' ? await webgpuClock() : webglClock();
  if ('unavailable' in clock) return { ...clock, launches: [], equal: true, restored: true };
  const { device } = await openDevice(name);
  await compute(device, (idle) => idle); // compiles
  const watched = watch(device, 'stepwise', clock);
  watched.enter('all');
  const timed = await compute(device, (idle) => idle);
  const { launches } = watched.stop();
  clock.restore();
  const plain = await compute(device, (idle) => idle);
  await closeDevice(device);
  return {
    launches: launches.map(({ op, milliseconds, source, kernels }) => ({
      ...{ op, milliseconds, source },
      kernels: kernels.length,
    })),
    equal: timed.every((value, i) => Object.is(value, plain[i])) && timed.length === plain.length,
    restored: prototypes().every((method, i) => method === before[i]),
  };
}
