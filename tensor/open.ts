import { simd } from '../kernels/simd/device/driver.ts';
import { createDevice, type Device } from './device.ts';
import { DeviceError } from './error.ts';
import { GPU_JS_MODES, type GpuJsMode, gpuJs } from './gpu-js.ts';
import { nullDriver } from './null.ts';
import { provideWebGpu } from './webgpu-node.ts';

export const DEVICE_NAMES = ['auto', 'simd', ...GPU_JS_MODES, 'null'] as const;
export type DeviceName = (typeof DEVICE_NAMES)[number];

/** Threads when nobody says how many: more than a few only cost memory at these sizes. */
export const MOST_DEFAULT_THREADS = 4;

export interface OpenedDevice {
  readonly device: Device;
  /** Why `auto` did not choose something faster; undefined when it was not asked, or nothing is. */
  readonly note: string | undefined;
}

/**
 * Opens a device by name. `auto` takes WebGPU where there is a real GPU behind it, otherwise `simd`, or GPU.js `webasm` where the engine has no SIMD.
 *
 * @throws DeviceError when there is no such device here
 */
export async function openDevice(
  name: DeviceName,
  threads = Math.min(MOST_DEFAULT_THREADS, globalThis.navigator?.hardwareConcurrency ?? MOST_DEFAULT_THREADS),
): Promise<OpenedDevice> {
  if (name === 'null') return { device: createDevice(nullDriver), note: undefined };
  if (name === 'simd') return { device: createDevice(await simd(threads)), note: undefined };
  if (name !== 'auto') return { device: await open(name, threads), note: undefined };
  const reasons: string[] = [];
  for (const attempt of [
    () => open('webgpu', threads, 'hardware'),
    async () => createDevice(await simd(threads)),
    () => open('webasm', threads),
  ]) {
    try {
      return { device: await attempt(), note: reasons.join('; ') || undefined };
    } catch (error) {
      if (!(error instanceof DeviceError)) throw error;
      reasons.push(error.message);
    }
  }
  throw new DeviceError(reasons.join('; '));
}

async function open(mode: GpuJsMode, threads: number, adapter: 'any' | 'hardware' = 'any'): Promise<Device> {
  const withdraw = mode === 'webgpu' ? await provideWebGpu(adapter) : () => undefined;
  try {
    const driver = await gpuJs(mode, threads);
    return createDevice({
      ...driver,
      async close() {
        await driver.close();
        withdraw();
      },
    });
  } catch (error) {
    withdraw();
    throw error;
  }
}
