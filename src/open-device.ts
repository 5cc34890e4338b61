import { elements } from '../kernels/simd/elements.ts';
import { recipes } from '../kernels/simd/index.ts';
import { closeDevice, createDevice, type Device, type Numbers } from '../tensor/device.ts';
import { DeviceError } from '../tensor/error.ts';
import { GPU_JS_MODES, type GpuJsMode } from '../tensor/gpu-js-modes.ts';
import { builtin } from '../tensor/node.ts';
import { nullDriver } from '../tensor/null.ts';
import { simd } from '../tensor/simd/driver.ts';
import type { Recipes } from '../tensor/simd/recipe.ts';
import { bytesText, firstLine } from '../tensor/text.ts';
import { provideWebGpu } from '../tensor/webgpu-node.ts';
import { recipes as roofs } from './profile/roof-recipes.ts';

export const DEVICE_NAMES = ['auto', 'simd', ...GPU_JS_MODES, 'null'] as const;
export type DeviceName = (typeof DEVICE_NAMES)[number];

/** What `simd` computes with: every operation of the model, and what its roofs are measured with. */
export const RECIPES: Recipes = { operations: [...recipes, ...roofs], elements };

/** Threads when nobody says how many: more than a few only cost memory at these sizes. */
const MOST_DEFAULT_THREADS = 4;

/** The machine's cores, but few. */
export const defaultThreads = (): number =>
  Math.min(
    MOST_DEFAULT_THREADS,
    builtin('node:os')?.availableParallelism() ?? globalThis.navigator?.hardwareConcurrency ?? MOST_DEFAULT_THREADS,
  );

export interface OpenedDevice {
  readonly device: Device;
  /** Why `auto` did not choose something faster; undefined when it was not asked, or nothing is. */
  readonly note: string | undefined;
}

/**
 * Opens a device by name. `auto` takes WebGPU where there is a real GPU behind it that computes and has room, otherwise `simd`,
 * or GPU.js `webasm` where the engine has no SIMD.
 *
 * @param largest how many bytes the largest tensor takes in float32; only asked where it matters to `auto`
 * @throws DeviceError when there is no such device here; what `largest` throws
 */
export async function openDevice(
  name: DeviceName,
  threads = defaultThreads(),
  largest: () => Promise<number> = async () => 0,
): Promise<OpenedDevice> {
  if (name === 'null') return { device: createDevice(nullDriver), note: undefined };
  if (name === 'simd') return { device: createDevice(await simd(RECIPES, threads)), note: undefined };
  if (name !== 'auto') return { device: await open(name, threads), note: undefined };
  const reasons: string[] = [];
  for (const attempt of [
    async () => trusted(await open('webgpu', threads, 'hardware'), largest),
    async () => createDevice(await simd(RECIPES, threads)),
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

/** Nobody asked for this device by name: it has to have room, and to show that it computes. @throws DeviceError */
async function trusted(device: Device, largest: () => Promise<number>): Promise<Device> {
  try {
    const room = device.driver.largest ?? Number.POSITIVE_INFINITY;
    const needed = await largest();
    if (needed > room) {
      const sizes = `the largest weight takes ${bytesText(needed)}, a buffer of this GPU holds ${bytesText(room)}`;
      throw new DeviceError(`no WebGPU: ${sizes}`);
    }
    await requireRoundTrip(device);
    return device;
  } catch (error) {
    await closeDevice(device);
    throw error;
  }
}

/** Sends numbers through a kernel of the device and back. @throws DeviceError */
async function requireRoundTrip({ driver }: Device): Promise<void> {
  const sent = Float32Array.of(1, -2, 3);
  let came: Numbers;
  try {
    const storage = await driver.upload(() => sent, [1, sent.length]);
    came = await driver.read(storage, [1, sent.length], 'float32');
    driver.free(storage);
  } catch (error) {
    throw new DeviceError(`no WebGPU: it does not compute here, ${firstLine(error)}`, { cause: error });
  }
  if (came.some((value, i) => value !== sent[i])) {
    throw new DeviceError(`no WebGPU: it does not compute here, ${sent} came back as ${came}`);
  }
}

async function open(mode: GpuJsMode, threads: number, adapter: 'any' | 'hardware' = 'any'): Promise<Device> {
  const withdraw = mode === 'webgpu' ? await provideWebGpu(adapter) : () => undefined;
  try {
    const { gpuJs } = await import('../tensor/gpu-js.ts'); // half a megabyte of script: only for who wants it
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
