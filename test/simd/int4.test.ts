import { expect, test } from 'vitest';
import { gatherRows } from '../../kernels/gather-rows.ts';
import { linear, matmul } from '../../kernels/linear.ts';
import { openDevice, RECIPES } from '../../src/open-device.ts';
import { closeDevice, createDevice, type Device, type Launch } from '../../tensor/device.ts';
import { widenFloat16 } from '../../tensor/dtype.ts';
import { type Int4Matrix, int4Bytes, int4Matrix } from '../../tensor/int4.ts';
import { simd } from '../../tensor/simd/driver.ts';
import { read, type Tensor, tensor } from '../../tensor/tensor.ts';
import { features } from '../../tensor/wasm/features.ts';
import { draw } from '../kernels/case.ts';

const floats = (shape: readonly number[], seed = 1) => draw(seed).floats(shape).data as Float32Array;

/** Random numbers, float16 scales of either sign (also 0 and the smallest), zeros and groups in any order. */
function matrix(N: number, K: number, order: 'in order' | 'in eights' | 'scattered', seed: number): Int4Matrix {
  const next = randomWords(seed);
  const G = Math.max(1, Math.ceil(K / 32));
  const group = (k: number) =>
    order === 'in order' ? Math.floor(k / 32) : order === 'in eights' ? (k >> 3) % G : (k * 7) % G;
  return int4Matrix({
    ...{ N, K },
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

const bits = async (wanted: Tensor) => new Uint32Array(Float32Array.from(await read(wanted)).buffer);

interface Use {
  readonly result: Tensor;
  /** It is a product of one or two rows, which are multiplied in integers where groups allow it. */
  readonly few: boolean;
}

/** All that can be asked of a weight. */
function uses(device: Device, weight: Tensor, [N, K]: readonly number[]): Use[] {
  const bias = tensor(device, floats([N], 3), [N]);
  const x = (rows: number, width = K) => tensor(device, floats([rows, width], rows), [rows, width]);
  const few = [
    ...[1, 2].map((rows) => linear(x(rows), weight)),
    linear(x(1), weight, bias),
    linear(x(2), weight, bias, { start: 8, count: N - 8 }),
  ];
  const others = [
    ...[3, 4, 31].map((rows) => linear(x(rows), weight)),
    linear(x(5), weight, bias),
    linear(x(3), weight, bias, { start: 8, count: N - 8 }),
    linear(x(1), weight, bias, { start: 3, count: 5 }),
    linear(x(2), weight, bias, { start: 8, count: 5 }),
    ...[1, 4].map((rows) => matmul(x(rows, N), weight)),
    gatherRows(weight, tensor(device, Int32Array.of(N - 1, 0, 3), [3])),
    linear(weight, weight),
    weight,
  ];
  return [...few.map((result) => ({ result, few: true })), ...others.map((result) => ({ result, few: false }))];
}

/** What remains of a vector when another is taken away, as a share of it. */
function nmse(found: ArrayLike<number>, expected: ArrayLike<number>): number {
  const sum = (value: (i: number) => number) =>
    Array.from({ length: expected.length }, (_, i) => value(i) ** 2).reduce((a, b) => a + b, 0);
  return sum((i) => found[i] - expected[i]) / sum((i) => expected[i]);
}

/** The sums are as near as those of float32, which have two roundings a term, or one where multiply-adds are fused. */
const MORE = features().relaxed ? 3 : 1.5;

test.each([
  'in order',
  'in eights',
  'scattered',
] as const)('every use of a matrix in 4 bits gives the bytes that float32 gives, or what is nearer, groups %s', async (order) => {
  const { device: oracle } = await openDevice('cpu', 1);
  for (const threads of [1, 2]) {
    const { device } = await openDevice('simd', threads);
    for (const [N, K] of [
      [16, 8],
      [24, 40],
      [72, 264],
      [16, 800],
    ]) {
      const packed = matrix(N, K, order, N + K);
      const inBlocks = packed.groups.every((group, k) => group === packed.groups[k - (k % 32)]);
      const shape = [N, K];
      const found = uses(
        device,
        tensor(device, () => packed, shape, { label: 'in 4 bits' }),
        shape,
      );
      const wide = uses(device, tensor(device, packed.onHost(), shape), shape);
      const exact = uses(oracle, tensor(oracle, packed.onHost(), shape), shape);
      for (const [i, { result, few }] of found.entries()) {
        if (few && inBlocks) {
          const [ours, theirs, right] = await Promise.all([result, wide[i].result, exact[i].result].map(read));
          expect(nmse(ours, right), `${N} × ${K}, use ${i}`).toBeLessThan(MORE * nmse(theirs, right) + 2 ** -49);
        } else {
          expect(await bits(result), `${N} × ${K}, use ${i}`).toEqual(await bits(wide[i].result));
        }
      }
    }
    await closeDevice(device);
  }
  await closeDevice(oracle);
});

test('numbers of all sizes, and some that are none', async () => {
  const { device } = await openDevice('simd', 1);
  const [N, K] = [8, 96];
  const packed = matrix(N, K, 'in order', 9);
  const weight = tensor(device, () => packed, [N, K]);
  const values = packed.onHost();
  const rowOf = (change: (k: number) => number) => Float32Array.from({ length: K }, (_, k) => Math.fround(change(k)));
  const product = async (x: Float32Array) => [...(await read(linear(tensor(device, x, [1, K]), weight)))];
  const exact = (x: Float32Array) =>
    Array.from({ length: N }, (_, n) => x.reduce((sum, value, k) => sum + value * values[n * K + k], 0));
  for (const row of [
    rowOf((k) => (k % 2 ? 1e30 : -3e29)),
    rowOf((k) => (k < 32 ? 1e-20 : k < 64 ? 1 : 0)),
    rowOf((k) => (k === 40 ? 2 ** 20 : (k - 50) / 64)),
    rowOf(() => -1),
  ]) {
    expect(nmse(await product(row), exact(row))).toBeLessThan(1e-13);
  }
  expect(await product(rowOf(() => 0))).toEqual(new Array(N).fill(0));
  expect((await product(rowOf(() => 1e-44))).every(Number.isFinite)).toBe(true);
  for (const none of [Number.NaN, Number.POSITIVE_INFINITY]) {
    expect((await product(rowOf((k) => (k === 70 ? none : 1)))).every(Number.isNaN)).toBe(true);
  }
  await closeDevice(device);
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
    'linear blocks_int4 dots_int4',
    'linear product_int4_8',
    'linear blocks_int4 dots_int4',
    'matmul panels_int4_8 unpack_float32 pack_float32 product_float32',
    'linear blocks_int4 dots_int4',
  ]);
  expect(launches[0].bytes).toBe(4 * (K + N) + bytes + K / 2);
  await closeDevice(device);
});
