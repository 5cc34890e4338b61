import { expect, test } from 'vitest';
import { columns } from '../../kernels/columns.ts';
import { gatherRows } from '../../kernels/gather-rows.ts';
import { linear, matmul } from '../../kernels/linear.ts';
import { recipes } from '../../kernels/simd/linear.ts';
import { openDevice, RECIPES } from '../../src/open-device.ts';
import { closeDevice, createDevice, type Device, type Launch } from '../../tensor/device.ts';
import { roundToBfloat16 } from '../../tensor/dtype.ts';
import { DeviceError } from '../../tensor/error.ts';
import { createBank } from '../../tensor/simd/bank.ts';
import { simd } from '../../tensor/simd/driver.ts';
import { compileKernels } from '../../tensor/simd/kernels.ts';
import { kernelsOf } from '../../tensor/simd/recipe.ts';
import type { Stored } from '../../tensor/simd/stored.ts';
import { free, read, type Tensor, tensor } from '../../tensor/tensor.ts';
import { draw } from '../kernels/case.ts';
import { opOf } from '../tensor/fake-driver.ts';

const floats = (shape: readonly number[], seed = 1) => draw(seed).floats(shape).data as Float32Array;

/** The kernels of each operation that is launched from now on. */
function ranOn(device: Device): () => Promise<string[]> {
  const launches: Launch[] = [];
  device.onLaunch = (launch) => {
    launch.kernels = [];
    launches.push(launch);
  };
  return async () => {
    await device.queue.idle();
    return launches.splice(0).map(({ op, kernels }) => [op, ...kernels!.map(({ name }) => name)].join(' '));
  };
}

test('a weight is packed once and stays so; what an operation made is packed for each product', async () => {
  const { device } = await openDevice('simd', 1);
  const ran = ranOn(device);
  const x = tensor(device, floats([3, 16]), [3, 16]);
  const weight = tensor(device, floats([16, 16]), [16, 16]);
  const made = columns(tensor(device, floats([16, 16]), [16, 16]), { start: 0, width: 16 });
  await ran();
  for (const right of [weight, made]) {
    for (let time = 0; time < 2; time++) linear(x, right);
    matmul(x, right);
    linear(x, right, undefined, { start: 8, count: 3 });
    linear(x, right, undefined, { start: 3, count: 8 });
    read(right);
    for (let time = 0; time < 2; time++) matmul(x, right);
    for (let time = 0; time < 3; time++) linear(x, right, undefined, { start: 8, count: 8 });
  }
  expect(await ran()).toEqual([
    'linear pack_float32 product_float32',
    'linear product_float32',
    'matmul turn_panels product_float32',
    'linear product_float32',
    'linear unpack_float32 pack_float32 product_float32',
    'matmul turn_panels product_float32', // the second that asks for columns: they stay
    'matmul product_float32',
    'linear turn_panels product_float32',
    'linear turn_panels product_float32',
    'linear product_float32',
    ...['linear', 'linear', 'matmul', 'linear', 'linear', 'matmul', 'matmul', 'linear', 'linear', 'linear'].map(
      (op) => `${op} pack_float32 product_float32`,
    ),
  ]);
  await closeDevice(device);
});

test.each(['float32', 'bfloat16'] as const)('%s: packing takes no memory in the end', async (type) => {
  const [N, R, K] = [5, 24, 40];
  const bank = await createBank(compileKernels(kernelsOf(RECIPES), false), {
    threads: 1,
    shared: false,
    mostPages: 16,
  });
  const { heap } = bank;
  const [linear, matmul] = ['linear', 'matmul'].map((name) => recipes.find(({ op }) => op === name)!);
  const store = (shape: number[], weight: boolean, of: Stored['type'] = 'float32'): Stored => ({
    ...{ bank, shape, type: of, weight, layout: 'rows', missed: undefined, packed: undefined },
    at: heap.allocate(shape[0] * shape[1] * (of === 'bfloat16' ? 2 : 4)),
  });
  const [x, y, weight, activation] = [
    store([N, K], true),
    store([N, R], false),
    store([R, K], true, type),
    store([R, K], false, type),
  ];
  const before = heap.used;
  for (const right of [weight, activation, weight, activation]) {
    for (const start of [0, 8, 3]) {
      bank.during('linear', undefined, (host) => linear.run(host, [x, right], { N, K, M: R - start, R, start }, y));
      expect(heap.used).toBe(before);
    }
    bank.during('matmul', undefined, (host) => {
      matmul.run(host, [{ ...x, shape: [N, R] }, right], { N, K: R, M: K }, { ...y, shape: [N, K] });
    });
    expect(heap.used).toBe(before);
  }
  expect([weight.layout, activation.layout]).toEqual(['panels of columns', 'rows']);
  await bank.close();
});

test('where there is no room for both uses of a weight the error names them, and the device goes on', async () => {
  const device = createDevice(await simd(RECIPES, 1, 52)); // 3.4 MB
  const [x, values] = [floats([1, 512]), floats([512, 512])];
  const weight = tensor(device, values, [512, 512]); // 1 MB
  linear(tensor(device, x, [1, 512]), weight);
  const most = gatherRows(tensor(device, x, [1, 512]), tensor(device, new Int32Array(600), [600]));
  const use = () => read(gatherRows(weight, tensor(device, Int32Array.of(77), [1])));
  const failed: Error = await use().then(
    () => new Error('there was room'),
    ({ cause }) => cause,
  );
  expect(failed).toBeInstanceOf(DeviceError);
  expect(failed.message).toContain(
    'gatherRows takes the rows of [512,512], of which linear has made panels of rows, and there is no room for both',
  );
  free(most);
  expect(await use()).toEqual(values.subarray(77 * 512, 78 * 512));
  await closeDevice(device);
});

test.each(['float32', 'bfloat16'] as const)('%s: panels in one memory are rows in another', async (type) => {
  const values = floats([10, 64], 2);
  const given = type === 'bfloat16' ? roundToBfloat16(values) : values;
  const results = async (device: Device, fill: () => Tensor[]) => {
    const first = tensor(device, given, [10, 64]);
    fill();
    const second = tensor(device, floats([300, 64]), [300, 64]); // in another memory, if the first is nearly full
    linear(second, first); // the first is packed
    const [ofRows, ofColumns] = [linear(first, second), matmul(tensor(device, floats([3, 10]), [3, 10]), first)];
    return Promise.all([read(ofRows), read(ofColumns), read(first)]);
  };
  const one = createDevice(await simd(RECIPES, 1));
  const several = createDevice(await simd(RECIPES, 1, 8)); // 0.5 MB each
  const expected = await results(one, () => []);
  expect(await results(several, () => [tensor(several, floats([1200, 64]), [1200, 64])])).toEqual(expected);
  await closeDevice(one);
  await closeDevice(several);
});

test('a storage of another type than an operation takes is an error', async () => {
  const driver = await simd(RECIPES, 1);
  const storage = await driver.upload(() => Int32Array.of(1, 2), [1, 2]);
  const run = async () => driver.run(opOf('gelu'), [storage], { N: 1, D: 2 }, [1, 2]);
  await expect(run).rejects.toThrow(new DeviceError('simd: gelu takes x as float32, and it holds int32'));
  await driver.close();
});
