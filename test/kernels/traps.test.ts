import { readFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { linear } from '../../kernels/linear.ts';
import { divide } from '../../kernels/scale.ts';
import { closeDevice, createDevice, type Device } from '../../tensor/device.ts';
import { DeviceError } from '../../tensor/error.ts';
import { gpuJs } from '../../tensor/gpu-js.ts';
import { type Handle, launch, type Matrix, type Op, type Thread } from '../../tensor/op.ts';
import { scope } from '../../tensor/scope.ts';
import { parseSignature } from '../../tensor/signature.ts';
import { read, tensor } from '../../tensor/tensor.ts';
import { checkCase } from './check.ts';
import { cross, crossingNames, longLoops } from './traps.ts';

let device: Device;
const opened = (mode: 'cpu' | 'webasm') => async () => {
  device = createDevice(await gpuJs(mode, 2));
};

describe.each(['cpu', 'webasm'] as const)('%s', (mode) => {
  beforeAll(opened(mode));
  afterAll(() => closeDevice(device));

  test.each(longLoops)('loops to the end: $op, $sizes', async (example) => {
    const { ratio, text } = await checkCase(device, example);
    expect(ratio, text).toBeLessThanOrEqual(1);
  });

  test.each(crossingNames)('crosses 2^24 elements: %s', async (name) => {
    expect(await cross(device, name)).toEqual({ wrong: 0, first: undefined });
  });
});

describe('webasm', () => {
  beforeAll(opened('webasm'));
  afterAll(() => closeDevice(device));
  afterEach(() => vi.restoreAllMocks());

  test('refuses more than 2^24 columns, which it would mix up', async () => {
    const wide = scope(() => ({
      read: read(
        divide(
          tensor(device, () => new Float32Array(2 ** 24 + 1), [1, 2 ** 24 + 1]),
          2,
        ),
      ),
    }));
    await expect(wide.read).rejects.toThrow(DeviceError);
  });

  test('refuses what GPU.js would quietly run on the CPU', async () => {
    const warned = vi.spyOn(console, 'warn').mockImplementation(() => undefined);
    const copy = function (this: Thread, x: Matrix) {
      return x[this.thread.y][this.thread.x];
    };
    // What a graphics mode of GPU.js returns: something that this mode cannot take, and `cpu` can.
    const texture = { type: 'ArrayTexture(1)', toArray: () => [Float32Array.of(1, 2, 3)] };
    const op: Op = {
      name: 'copy',
      signature: parseSignature('x[N,D] -> y[N,D]'),
      cost: () => ({ operations: 0 }),
      kernels: (run, _, { N, D }) => run(copy, [N, D], texture as unknown as Handle),
    };
    const ran = scope(() => ({ read: read(launch(op, [tensor(device, new Float32Array(3), [1, 3])])) }));
    await expect(ran.read).rejects.toMatchObject({
      message: 'copy failed on webasm',
      cause: new DeviceError(
        'GPU.js webasm: ran on cpu instead: argument "x" of type ArrayTexture(1) is not supported on the webasm backend',
      ),
    });
    expect(warned).toHaveBeenCalledOnce();
  });

  test.skipIf(process.platform !== 'linux')('has a few threads, however many shapes there are', async () => {
    const threads = () => Number(/^Threads:\s+(\d+)/m.exec(readFileSync('/proc/self/status', 'utf8'))![1]);
    const product = async (n: number) => {
      const ran = scope(() => {
        const x = tensor(device, new Float32Array(n * 64), [n, 64]);
        return { read: read(linear(x, x)) };
      });
      return ran.read;
    };
    await product(64);
    const before = threads();
    for (let n = 65; n < 75; n++) await product(n);
    expect(threads()).toBeLessThanOrEqual(before + 2);
  });
});
