import { expect, test } from 'vitest';
import { gatherRows } from '../../kernels/gather-rows.ts';
import { linear, matmul } from '../../kernels/linear.ts';
import { openDevice, RECIPES } from '../../src/open-device.ts';
import { closeDevice, createDevice, type Device, type Launch } from '../../tensor/device.ts';
import { widenFloat16 } from '../../tensor/dtype.ts';
import { type Int4Matrix, int4Bytes, int4Matrix } from '../../tensor/int4.ts';
import { simd } from '../../tensor/simd/driver.ts';
import { read, type Tensor, tensor } from '../../tensor/tensor.ts';
import { draw } from '../kernels/case.ts';

const floats = (shape: readonly number[], seed = 1) => draw(seed).floats(shape).data as Float32Array;

/** Random numbers, float16 scales of either sign (also 0 and the smallest), zeros and groups in any order. */
function matrix(N: number, K: number, order: 'in order' | 'in eights' | 'scattered', seed: number): Int4Matrix {
  const next = randomWords(seed);
  const G = Math.max(1, Math.ceil(K / 32));
  const group = (k: number) =>
    order === 'in order' ? Math.floor(k / 32) : order === 'in eights' ? (k >> 3) % G : (k * 7) % G;
  return int4Matrix({
    ...{ N, K, exact: true },
    words: Uint32Array.from({ length: (K / 8) * N }, next),
    scales: widenFloat16(Uint16Array.from({ length: G * N }, (_, i) => (i === 0 ? 1 : i === 1 ? 0 : next() & 0xbbff))),
    zeros: Uint8Array.from({ length: G * N }, () => next() & 15),
    groups: Int32Array.from({ length: K }, (_, k) => group(k)),
  });
}

function randomWords(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state ^ (state >>> 15)) >>> 0;
  };
}

/** A weight that is 0 has no sign. */
const bits = async (wanted: Tensor) =>
  new Uint32Array(Float32Array.from(await read(wanted), (value) => value + 0).buffer);

/** All that can be asked of a weight. */
function uses(device: Device, weight: Tensor, [N, K]: readonly number[]): Tensor[] {
  const bias = tensor(device, floats([N], 3), [N]);
  const x = (rows: number, width = K) => tensor(device, floats([rows, width], rows), [rows, width]);
  return [
    ...[1, 2, 3, 4, 31].map((rows) => linear(x(rows), weight)),
    ...[1, 5].map((rows) => linear(x(rows), weight, bias)),
    ...[1, 3].map((rows) => linear(x(rows), weight, bias, { start: 8, count: N - 8 })),
    linear(x(1), weight, bias, { start: 3, count: 5 }),
    linear(x(2), weight, bias, { start: 8, count: 5 }),
    ...[1, 4].map((rows) => matmul(x(rows, N), weight)),
    gatherRows(weight, tensor(device, Int32Array.of(N - 1, 0, 3), [3])),
    linear(weight, weight),
    weight,
  ];
}

test.each([
  'in order',
  'in eights',
  'scattered',
] as const)('every use of a matrix in 4 bits gives the bytes that float32 gives, groups %s', async (order) => {
  for (const threads of [1, 2]) {
    const { device } = await openDevice('simd', threads);
    for (const [N, K] of [
      [16, 8],
      [24, 40],
      [72, 264],
      [16, 800],
    ]) {
      const packed = matrix(N, K, order, N + K);
      const expected = uses(device, tensor(device, packed.onHost(), [N, K]), [N, K]);
      const found = uses(
        device,
        tensor(device, () => packed, [N, K], { label: 'in 4 bits' }),
        [N, K],
      );
      for (const [i, result] of found.entries()) {
        expect(await bits(result), `${N} × ${K}, use ${i}`).toEqual(await bits(expected[i]));
      }
    }
    await closeDevice(device);
  }
});

test('its bytes are what it takes, it stays so, and products run in 4 bits', async () => {
  const [N, K] = [64, 256];
  const packed = matrix(N, K, 'in order', 1);
  const driver = await simd(RECIPES, 1);
  const storage = await driver.pack!(packed, [N, K]);
  const bytes = int4Bytes([N, K], K / 32);
  expect(driver.weightBytes!(storage)! * N * K).toBe(bytes + K / 2);
  const device = createDevice(driver);
  const launches: Launch[] = [];
  device.onLaunch = (launch) => {
    launch.kernels = [];
    launches.push(launch);
  };
  const weight = tensor(device, () => packed, [N, K]);
  const x = (rows: number) => tensor(device, floats([rows, K]), [rows, K]);
  for (const rows of [1, 3, 1]) linear(x(rows), weight);
  matmul(tensor(device, floats([1, N]), [1, N]), weight);
  linear(x(1), weight);
  await device.queue.idle();
  expect(launches.map(({ op, kernels }) => [op, ...kernels!.map(({ name }) => name)].join(' '))).toEqual([
    'linear row_int4_8',
    'linear product_int4_8',
    'linear row_int4_8',
    'matmul panels_int4_8 unpack_float32 pack_float32 product_float32',
    'linear row_int4_8',
  ]);
  expect(launches[0].bytes).toBe(4 * (K + N) + bytes + K / 2);
  await closeDevice(device);
});

test('scales with which it would not be exact are widened before', async () => {
  const { device } = await openDevice('simd', 1);
  const launches: Launch[] = [];
  device.onLaunch = (launch) => {
    launch.kernels = [];
    launches.push(launch);
  };
  const sound = matrix(16, 32, 'in order', 5);
  for (const [i, other] of [
    { ...sound, exact: false },
    { ...sound, scales: sound.scales.map(() => 2 ** -120) },
    { ...sound, scales: sound.scales.map(() => Number.POSITIVE_INFINITY) },
  ].entries()) {
    const { onHost } = int4Matrix(other);
    const x = tensor(device, floats([1, 32]), [1, 32]);
    const found = linear(
      x,
      tensor(device, () => ({ ...other, onHost }), [16, 32]),
    );
    const expected = linear(x, tensor(device, onHost(), [16, 32]));
    expect(await bits(found)).toEqual(await bits(expected));
    expect(launches[2 * i].kernels!.at(-1)!.name).toBe('product_float32');
  }
  await closeDevice(device);
});
