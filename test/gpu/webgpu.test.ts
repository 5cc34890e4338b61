import { execFile } from 'node:child_process';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { add } from '../../kernels/add.ts';
import { linear } from '../../kernels/linear.ts';
import { openDevice } from '../../src/open-device.ts';
import { clockFor } from '../../src/profile/device-clock.ts';
import { closeDevice, type Device, finished } from '../../tensor/device.ts';
import { DeviceError } from '../../tensor/error.ts';
import { scope } from '../../tensor/scope.ts';
import { free, read, type Tensor, tensor } from '../../tensor/tensor.ts';
import { provideWebGpu } from '../../tensor/webgpu-node.ts';

const here = process.env.TEST_DEVICE === 'webgpu';
if (!here) console.warn('WebGPU under Node not tested: set TEST_DEVICE=webgpu where it is, as .ci/gpu does');

const values = Float32Array.of(5, 6, 7);
const row = (device: Device): Tensor => tensor(device, values, [1, 3]);
const doubled = (x: Tensor) => scope(() => ({ read: read(add(x, x)) })).read;
const square = (device: Device, side: number): Tensor =>
  tensor(device, new Float32Array(side * side).fill(1 / side), [side, side]);

async function fault(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (error) {
    for (let at = error; at instanceof Error; at = at.cause) if (at instanceof DeviceError) return at.message;
    throw error;
  }
  return expect.fail('it answered');
}

const traces = () => [globalThis.navigator && 'gpu' in globalThis.navigator, 'GPUDevice' in globalThis];

/** The devices that are made from now on, until what is returned is called. */
async function watchDevices(): Promise<{ readonly made: GPUDevice[]; stop(): void }> {
  const withdraw = await provideWebGpu('any');
  const made: GPUDevice[] = [];
  const { requestDevice } = GPUAdapter.prototype;
  const spy = vi.spyOn(GPUAdapter.prototype, 'requestDevice').mockImplementation(async function (
    this: GPUAdapter,
    ...given
  ) {
    made.push(await requestDevice.apply(this, given));
    return made.at(-1)!;
  });
  const stop = () => {
    spy.mockRestore();
    withdraw();
  };
  return { made, stop };
}

describe.skipIf(!here)('WebGPU under Node', () => {
  afterEach(() => expect(traces()).not.toContain(true));

  test('of several that are open each can go, in any order, and then come again', async () => {
    const opened = await Promise.all([openDevice('webgpu'), openDevice('webgpu')]);
    const [first, second] = opened.map(({ device }) => device);
    const x = row(second);
    await closeDevice(first);
    globalThis.gc?.();
    expect(await doubled(x)).toEqual(Float32Array.of(10, 12, 14));
    const { device: third } = await openDevice('webgpu');
    await closeDevice(second);
    expect(await doubled(row(third))).toEqual(Float32Array.of(10, 12, 14));
    await closeDevice(third);
    expect(traces()).not.toContain(true);
    const { device: last } = await openDevice('webgpu');
    expect(await doubled(row(last))).toEqual(Float32Array.of(10, 12, 14));
    await closeDevice(last);
  });

  test('auto takes a GPU, but no software adapter, and says so', async () => {
    const withdraw = await provideWebGpu('any');
    try {
      const adapter = await navigator.gpu.requestAdapter();
      const { device, note } = await openDevice('auto', 1);
      const software = ['simd', 'no WebGPU: only a software adapter, slower than simd'];
      expect([device.name, note]).toEqual(adapter?.info.isFallbackAdapter ? software : ['webgpu', undefined]);
      await closeDevice(device);
    } finally {
      withdraw();
    }
  });

  test('a buffer without memory is no answer of zeros', async () => {
    const { made, stop } = await watchDevices();
    const { device } = await openDevice('webgpu');
    try {
      const x = row(device);
      expect(await read(x)).toEqual(values);
      const { createBuffer } = made[0];
      vi.spyOn(made[0], 'createBuffer').mockImplementationOnce(
        (given) => createBuffer.call(made[0], { ...given, usage: 0xffff }), // no such usage: as invalid as one without memory
      );
      expect(await fault(doubled(x))).toMatch(/^GPU.js webgpu: the device reports: ./);
      expect(await fault(read(row(device)))).toMatch(/^GPU.js webgpu: the device reports: ./);
    } finally {
      await closeDevice(device);
      stop();
    }
  });

  test.each(['an upload', 'a launch', 'a read'])('lost before %s', async (what) => {
    const { made, stop } = await watchDevices();
    const { device } = await openDevice('webgpu');
    try {
      const x = row(device);
      await read(x);
      made[0].destroy();
      const works = { 'an upload': () => read(row(device)), 'a launch': () => doubled(x), 'a read': () => read(x) };
      expect(await fault(works[what as keyof typeof works]())).toMatch(/lost|cannot be read/);
    } finally {
      await closeDevice(device);
      stop();
    }
  });

  test('a matrix larger than its buffers is refused', async () => {
    const { device } = await openDevice('webgpu');
    const { largest } = device.driver;
    expect(largest).toBeGreaterThanOrEqual(2 ** 27);
    const rows = Math.floor(largest! / 2 ** 16) + 1;
    const load = vi.fn(() => new Float32Array(0));
    expect(await fault(read(tensor(device, load, [rows, 2 ** 14])))).toMatch(
      /takes .* and a buffer of this device holds/,
    );
    expect(load).not.toHaveBeenCalled();
    await closeDevice(device);
  });

  test('kernels have times of their own, and what is finished has run', async () => {
    const clock = await clockFor('webgpu');
    if ('unavailable' in clock) return expect.fail(clock.unavailable);
    const { device } = await openDevice('webgpu');
    const software = (await navigator.gpu.requestAdapter())?.info.isFallbackAdapter;
    const x = square(device, 256);
    free(linear(x, x)); // compiles
    await finished(device);
    clock.start();
    const start = performance.now();
    free(linear(x, x));
    await finished(device);
    const wall = performance.now() - start;
    const { compute, launches } = await clock.stop();
    clock.restore();
    await closeDevice(device);
    expect(launches).toBe(2);
    expect(compute).toBeGreaterThan(software ? 1 : 0);
    expect(Math.round(compute! * 1e6) % 2 ** 16).not.toBe(0); // WebGPU rounds to so many nanoseconds unless it is told not to
    expect(wall).toBeGreaterThan(0.9 * compute!);
  });

  const SMALL = [
    'ask',
    'golden/tiny/pictures/scene-1.png',
    'What is in the picture?',
    '--max-new-tokens',
    '2',
    '--device',
    'webgpu',
  ];
  const qvl = (words: readonly string[], ...node: string[]) =>
    new Promise<{ code: number; stdout: string; stderr: string }>((resolve) => {
      execFile(process.execPath, [...node, 'src/cli/qvl.mjs', ...words], (error, stdout, stderr) =>
        resolve({ code: error ? Number(error.code) : 0, stdout, stderr }),
      );
    });

  test('a question is answered, and the process ends, with nothing on standard error but its own lines', async () => {
    const { code, stdout, stderr } = await qvl(SMALL);
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'The picture\n' });
    for (const line of stderr.trim().split('\n')) {
      expect(line).toMatch(
        /^(Qwen-VL · |device {2}· GPU.js webgpu$| {2}(load weights|vision encoder|adapter|prefill|decode) )/,
      );
    }
  });

  test('a device that is lost on the way ends with one line and 3', async () => {
    const { code, stdout, stderr } = await qvl(SMALL, '--import', './test/gpu/lose-device.mjs');
    expect({ code, stdout }).toEqual({ code: 3, stdout: '' });
    expect(stderr.trim().split('\n').at(-1)).toMatch(/qvl:\S* GPU.js webgpu: the device was lost/);
  });
});
