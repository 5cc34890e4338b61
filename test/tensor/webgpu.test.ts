import { availableParallelism } from 'node:os';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { add } from '../../kernels/add.ts';
import { largestWeight } from '../../src/checkpoint/folder.ts';
import { load } from '../../src/index.ts';
import { defaultThreads, openDevice } from '../../src/open-device.ts';
import { closeDevice, type Device } from '../../tensor/device.ts';
import { DeviceError } from '../../tensor/error.ts';
import { webGpuResident } from '../../tensor/resident-webgpu.ts';
import { scope } from '../../tensor/scope.ts';
import { read, type Tensor, tensor } from '../../tensor/tensor.ts';
import { type FakeOptions, installFakeGpu } from './fake-gpu.ts';

const values = Float32Array.of(5, 6, 7);
const row = (device: Device): Tensor => tensor(device, values, [1, 3]);

/** The fault of the device behind an error that an operation threw. */
function faultIn(error: unknown): string {
  for (let at = error; at instanceof Error; at = at.cause) if (at instanceof DeviceError) return at.message;
  throw new Error('no DeviceError', { cause: error });
}
const fault = async (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => expect.fail('it answered'),
    (error) => faultIn(error),
  );

let fake: ReturnType<typeof installFakeGpu>;
const install = (options: FakeOptions) => {
  fake.remove();
  fake = installFakeGpu(options);
};
beforeEach(() => {
  fake = installFakeGpu();
  vi.spyOn(console, 'error').mockImplementation(() => undefined); // GPU.js prints a loss
});
afterEach(() => {
  fake.remove();
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

describe('auto', () => {
  const opened = async (largest?: () => Promise<number>) => {
    const { device, note } = await openDevice('auto', 1, largest);
    await closeDevice(device);
    return `${device.name}: ${note}`;
  };

  test('takes a GPU that computes', async () => {
    expect(await opened()).toBe('webgpu: undefined');
    expect(fake.devices.map(({ destroyed }) => destroyed)).toEqual([true]);
  });

  test.each<[string, FakeOptions, string]>([
    ['computes on the CPU', { software: true }, 'no WebGPU: only a software adapter, slower than simd'],
    [
      'gives no device',
      { refusal: 'the driver refuses' },
      'GPU.js webgpu: the adapter gives no device, the driver refuses',
    ],
    [
      'computes wrongly',
      { wrong: true, largest: 2 ** 32 },
      'no WebGPU: it does not compute here, 1,-2,3 came back as 0,0,0',
    ],
    [
      'has no room for a weight',
      { largest: 1e6 },
      'no WebGPU: the largest weight takes 2.49 GB, a buffer of this GPU holds 1.00 MB',
    ],
  ])('takes simd where WebGPU %s, and says why', async (_, options, reason) => {
    install(options);
    expect(await opened(() => largestWeight('golden/published'))).toBe(`simd: ${reason}`);
    for (const { destroyed } of fake.devices) expect(destroyed).toBe(true);
  });

  test('asks for the largest weight of the model that is loaded', async () => {
    install({ largest: 1e5 });
    const model = await load('golden/tiny', { threads: 1 });
    expect(model.device.name).toBe('simd');
    await model.close();
  });

  test('fails with what cannot be known of the model, and leaves nothing open', async () => {
    await expect(opened(() => Promise.reject(new RangeError('no such model')))).rejects.toThrow('no such model');
    expect(fake.devices.map(({ destroyed }) => destroyed)).toEqual([true]);
  });
});

describe('webgpu', () => {
  let device: Device;
  beforeEach(async () => {
    device = (await openDevice('webgpu')).device;
  });
  afterEach(() => closeDevice(device));
  const [first, ...others] = [0, 1, 2].map((index) => () => fake.devices[index]);

  test('is taken by name where it computes on the CPU', async () => {
    await closeDevice(device);
    install({ software: true });
    device = (await openDevice('webgpu')).device;
    expect(device.name).toBe('webgpu');
  });

  test('is refused with the reason where there is no device', async () => {
    await closeDevice(device);
    install({ refusal: 'too old' });
    const wanted = openDevice('webgpu');
    await expect(wanted).rejects.toThrow(new DeviceError('GPU.js webgpu: the adapter gives no device, too old'));
  });

  test('a buffer that fails is no answer of zeros', async () => {
    const x = row(device);
    expect(await read(x)).toEqual(values);
    first().failNextBuffer();
    const sum = scope(() => ({ read: read(add(x, x)) }));
    expect(await fault(sum.read)).toBe('GPU.js webgpu: the device reports: Out of memory');
    expect(await fault(read(row(device)))).toBe('GPU.js webgpu: the device reports: Out of memory');
    expect(first().destroyed).toBe(true);

    const { device: next } = await openDevice('webgpu'); // while the failed one is still open
    expect(await read(row(next))).toEqual(values);
    await closeDevice(next);
    expect(others[0]().destroyed).toBe(true);
  });

  test.each(['an upload', 'a launch', 'a read'])('lost before %s', async (what) => {
    const x = row(device);
    await read(x);
    first().lose('the driver crashed\nin a shader');
    if (what !== 'a read') await new Promise((resolve) => setTimeout(resolve, 10)); // a read is told of it on its way
    const work = {
      'an upload': () => read(row(device)),
      'a launch': () => scope(() => ({ read: read(add(x, x)) })).read,
      'a read': () => read(x),
    }[what]!;
    expect(await fault(work())).toMatch(
      /^GPU.js webgpu: (the device was lost, the driver crashed|a result cannot be read, Device is lost)$/,
    );
  });

  test('a matrix larger than its buffers is refused before its data is asked for', async () => {
    const load = vi.fn(() => new Float32Array(0));
    const large =
      'GPU.js webgpu: [1024,65536] takes 268 MB, and a buffer of this device holds 134 MB; choose another device';
    expect(await fault(read(tensor(device, load, [1024, 65_536])))).toBe(large);
    expect(load).not.toHaveBeenCalled();
    const long = 'GPU.js webgpu: [600000,1] has more than 524280 rows or columns; choose another device';
    expect(await fault(read(tensor(device, load, [600_000, 1])))).toBe(long);
  });

  test('is shared by those that are open, and goes with the last of them', async () => {
    const { device: other } = await openDevice('webgpu');
    await closeDevice(device);
    expect(fake.devices.map(({ destroyed }) => destroyed)).toEqual([false]);
    expect(await read(row(other))).toEqual(values);
    const [{ device: next }] = await Promise.all([openDevice('webgpu'), closeDevice(other)]);
    expect(await read(row(next))).toEqual(values);
    await closeDevice(next);
    expect(fake.devices.every(({ destroyed }) => destroyed)).toBe(true);
  });
});

test('who comes while the last user leaves gets a device that stays', async () => {
  const leaving = await webGpuResident();
  const coming = webGpuResident(); // on its way to the same device
  const left = leaving.close();
  const resident = await coming;
  await left;
  resident.requireSound();
  expect(fake.devices.map(({ destroyed }) => destroyed)).toEqual([true, false]);
  await resident.close();
  expect(fake.devices.map(({ destroyed }) => destroyed)).toEqual([true, true]);
});

test('threads are the cores of the machine, whether or not there is a navigator', () => {
  const expected = Math.min(4, availableParallelism());
  for (const navigator of [undefined, {}, { hardwareConcurrency: 64 }]) {
    vi.stubGlobal('navigator', navigator);
    expect(defaultThreads()).toBe(expected);
  }
});
