import gpujs from 'gpu.js';
import { DeviceError } from './error.ts';
import type { Resident } from './resident.ts';
import { bytesText, firstLine } from './text.ts';

/** GPU.js has one WebGPU device for all of its kernels: the first that asks makes it, and a lost one is made anew. */
interface Context {
  acquire(): Promise<{ readonly device: GPUDevice }>;
  /** The next that asks makes another. */
  destroy(): Promise<void>;
}
// It is exported, but not typed.
const { WebGPUContext } = gpujs as typeof gpujs & { readonly WebGPUContext: Context };

/** GPU.js gives each thread one element, in groups of 8 × 8. */
const GROUP = 8;

/** Of a device: who uses it, and what it reported. A report names no culprit, so that it is everybody's. */
interface Shared {
  readonly device: GPUDevice;
  users: number;
  fault: DeviceError | undefined;
  /** Lost or given up: GPU.js makes another when one is asked for. */
  over: boolean;
}
const known = new WeakMap<GPUDevice, Shared>();

/** @throws DeviceError when the adapter gives no device */
export async function webGpuResident(): Promise<Resident> {
  let shared = await acquire();
  while (shared.over) shared = await acquire(); // its last user left while it was on its way here
  shared.users++;
  const { device } = shared;
  const { maxStorageBufferBindingSize, maxBufferSize, maxComputeWorkgroupsPerDimension } = device.limits;
  const largest = Math.min(maxStorageBufferBindingSize, maxBufferSize);
  const longest = GROUP * maxComputeWorkgroupsPerDimension;

  function requireAlive(): void {
    if (shared.fault) throw shared.fault;
  }
  return {
    largest,
    requireRoom(rows, columns) {
      const matrix = `GPU.js webgpu: [${rows},${columns}]`;
      if (4 * rows * columns > largest) {
        const taken = `takes ${bytesText(4 * rows * columns)}, and a buffer of this device holds ${bytesText(largest)}`;
        throw new DeviceError(`${matrix} ${taken}; choose another device`);
      }
      if (Math.max(rows, columns) > longest) {
        throw new DeviceError(`${matrix} has more than ${longest} rows or columns; choose another device`);
      }
    },
    requireAlive,
    requireSound: requireAlive,
    finish: () => device.queue.onSubmittedWorkDone().catch(() => undefined),
    async close() {
      if (--shared.users === 0) await giveUp(shared);
    },
  };
}

async function acquire(): Promise<Shared> {
  try {
    const { device } = await WebGPUContext.acquire();
    const shared = known.get(device) ?? hear({ device, users: 0, fault: undefined, over: false });
    known.set(device, shared);
    return shared;
  } catch (error) {
    throw new DeviceError(`GPU.js webgpu: the adapter gives no device, ${firstLine(error)}`, { cause: error });
  }
}

/** From now on its failures are known. */
function hear(shared: Shared): Shared {
  const { device } = shared;
  device.onuncapturederror = null; // GPU.js only prints them
  device.addEventListener('uncapturederror', ({ error }) => {
    shared.fault ??= new DeviceError(`GPU.js webgpu: the device reports: ${firstLine(error)}`, { cause: error });
    void giveUp(shared);
  });
  void device.lost.then(({ message }) => {
    shared.fault ??= new DeviceError(`GPU.js webgpu: the device was lost${message && `, ${firstLine(message)}`}`);
    shared.over = true;
  });
  return shared;
}

/** Frees all that it holds. */
async function giveUp(shared: Shared): Promise<void> {
  if (!shared.over) {
    shared.over = true;
    await WebGPUContext.destroy();
  }
  await shared.device.lost;
}
