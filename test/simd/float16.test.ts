import { expect, test } from 'vitest';
import { gatherRows } from '../../kernels/gather-rows.ts';
import { linear, matmul } from '../../kernels/linear.ts';
import { openDevice } from '../../src/open-device.ts';
import { closeDevice, type Device, type Float16Bits, type Launch } from '../../tensor/device.ts';
import { roundToFloat16, widenFloat16 } from '../../tensor/dtype.ts';
import { read, type Tensor, tensor } from '../../tensor/tensor.ts';
import { draw } from '../kernels/case.ts';

const floats = (shape: readonly number[], seed = 1) => draw(seed).floats(shape).data as Float32Array;

const bitsOf = (float16: Uint16Array): Float16Bits => ({
  ...{ length: float16.length, float16 },
  onHost: () => widenFloat16(float16),
});

function uses(device: Device, weight: Tensor, [N, K]: readonly number[]): Tensor[] {
  const x = (rows: number, width = K) => tensor(device, floats([rows, width], rows), [rows, width]);
  return [
    ...[1, 2, 5, 30].map((rows) => linear(x(rows), weight)),
    linear(x(2), weight, undefined, { start: 3, count: 7 }),
    ...[1, 30].map((rows) => matmul(x(rows, N), weight)),
    gatherRows(weight, tensor(device, Int32Array.of(N - 1, 0), [2])),
    weight,
  ];
}

test('a matrix in float16 stays so, and every use gives the bytes that float32 gives', async () => {
  const { device } = await openDevice('simd', 2);
  for (const shape of [
    [19, 13],
    [40, 300],
  ]) {
    const float16 = roundToFloat16(floats(shape, 2).map((value, i) => (i % 7 === 0 ? value * 2 ** -20 : value)));
    const small = uses(
      device,
      tensor(device, () => bitsOf(float16), shape),
      shape,
    );
    const wide = uses(device, tensor(device, widenFloat16(float16), shape), shape);
    for (const [i, result] of small.entries()) {
      expect(new Uint32Array(Float32Array.from(await read(result)).buffer), `use ${i}`).toEqual(
        new Uint32Array(Float32Array.from(await read(wide[i])).buffer),
      );
    }
  }
  const launches: Launch[] = [];
  device.onLaunch = (launch) => {
    launch.kernels = [];
    launches.push(launch);
  };
  const weight = tensor(device, () => bitsOf(roundToFloat16(floats([16, 32]))), [16, 32]);
  for (const rows of [1, 30]) linear(tensor(device, floats([rows, 32]), [rows, 32]), weight);
  await device.queue.idle();
  expect(launches.map(({ kernels }) => kernels!.map(({ name }) => name).join(' '))).toEqual([
    'pack_float16 product_float16',
    'product_widened_float16',
  ]);
  expect(launches[0].bytes).toBe(4 * (32 + 16) + 2 * 16 * 32);
  await closeDevice(device);
});

test('every finite float16 is widened to its value, and those that are none stay what they are', async () => {
  const { device } = await openDevice('simd', 1);
  const all = Uint16Array.from({ length: 65_536 }, (_, i) => i);
  const finite = all.filter((bits) => (bits & 0x7c00) !== 0x7c00);
  expect(await read(tensor(device, () => bitsOf(finite), [2, finite.length / 2]))).toEqual(widenFloat16(finite));
  expect(await read(tensor(device, () => bitsOf(all), [16, 4096]))).toEqual(widenFloat16(all));
  await closeDevice(device);
});
