import { expect, test } from 'vitest';
import { argmax } from '../../kernels/argmax.ts';
import { gatherRows } from '../../kernels/gather-rows.ts';
import { splice } from '../../kernels/splice.ts';
import { openDevice } from '../../src/open-device.ts';
import { closeDevice } from '../../tensor/device.ts';
import { DeviceError, ShapeError } from '../../tensor/error.ts';
import { read, tensor } from '../../tensor/tensor.ts';

const LIMIT = 2 ** 24;
/** The first whole number that is no float32, and the ends of int32. */
const LARGE = Int32Array.of(LIMIT + 1, -LIMIT - 1, 2 ** 31 - 1, -(2 ** 31));

test.each(['simd', 'cpu'] as const)('%s: every int32 is read back as it is', async (name) => {
  const { device } = await openDevice(name, 1);
  expect(await read(tensor(device, LARGE, [2, 2]))).toEqual(LARGE);
  expect(await read(tensor(device, () => LARGE, [4], { dtype: 'int32' }))).toEqual(LARGE);
  await closeDevice(device);
});

test('webasm keeps whole numbers as float32, and refuses those that are none', async () => {
  const { device } = await openDevice('webasm', 1);
  const exact = Int32Array.of(LIMIT, -LIMIT, 7);
  expect(await read(tensor(device, exact, [3]))).toEqual(exact);
  for (const value of LARGE) {
    const refused = read(tensor(device, Int32Array.of(0, value), [2]));
    await expect(refused).rejects.toThrow(DeviceError);
    await expect(refused).rejects.toThrow(`${value} is beyond 2^24`);
  }
  await closeDevice(device);
});

test('elements of another type than the tensor are an error, not other numbers', async () => {
  const { device } = await openDevice('simd', 1);
  const floats = Float32Array.of(1, 2);
  expect(() => tensor(device, floats, [2], { label: 'ids', dtype: 'int32' })).toThrow(
    new ShapeError('ids: its elements are float32, expected int32, as it was declared'),
  );
  expect(() => tensor(device, Int32Array.of(1), [1], { dtype: 'float32' })).toThrow(ShapeError);
  await expect(read(tensor(device, () => floats, [2], { dtype: 'int32' }))).rejects.toThrow(ShapeError);
  await expect(read(tensor(device, () => Int32Array.of(1), [1]))).rejects.toThrow(ShapeError);
  await closeDevice(device);
});

// GPU.js counts loops, and cuts them: at 2²⁰ it did.
test.each([
  ['cpu', 2 ** 20 + 5],
  ['webasm', 2 ** 20 + 5],
  ['simd', LIMIT + 2],
] as const)('%s: argmax finds the last of %i elements', async (name, V) => {
  const { device } = await openDevice(name, 1);
  const x = new Float32Array(V);
  x[V - 1] = 1;
  const index = argmax(tensor(device, x, [1, V]));
  expect(await read(index)).toEqual(Int32Array.of(V - 1));
  await closeDevice(device);
});

/** Rows whose first element lies beyond 2²⁴, some of which are marked; the rest is never touched. */
const [V, D] = [300_000, 64];
const MARKED = [0, 1, LIMIT / D - 1, LIMIT / D, LIMIT / D + 1, 299_998, V - 1];

test.each([
  ['simd', 'float32'],
  ['simd', 'bfloat16'],
  ['cpu', 'float32'],
  ['webasm', 'float32'],
] as const)('%s: gatherRows and splice take rows beyond 2^24 elements, %s', async (name, type) => {
  const { device } = await openDevice(name, 1);
  const rows = type === 'float32' ? new Float32Array(V * D) : new Uint16Array(V * D);
  for (const [mark, row] of MARKED.entries()) {
    for (let i = 0; i < D; i++) rows[row * D + i] = type === 'float32' ? 2 ** mark + i : 0x3f80 + 16 * mark + i;
  }
  const expected = MARKED.flatMap((row) => [...rows.subarray(row * D, (row + 1) * D)]);
  const floats =
    type === 'float32'
      ? Float32Array.from(expected)
      : new Float32Array(Uint32Array.from(expected, (bits) => bits << 16).buffer);
  const table = tensor(device, rows, [V, D]);
  const ids = tensor(device, Int32Array.from(MARKED), [MARKED.length]);
  const none = tensor(device, new Float32Array(MARKED.length * D), [MARKED.length, D]);
  expect(await read(gatherRows(table, ids))).toEqual(floats);
  expect(await read(splice(none, table, ids))).toEqual(floats);
  await closeDevice(device);
});
