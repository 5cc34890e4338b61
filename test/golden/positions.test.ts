import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { resizeGrid } from '../../kernels/resize-grid.ts';
import { openFile } from '../../src/checkpoint/file-source.ts';
import type { FileSource } from '../../src/checkpoint/files.ts';
import { sineCosinePositions } from '../../src/checkpoint/positions.ts';
import { openSafetensors } from '../../src/checkpoint/safetensors.ts';
import { readFloat32, type StoredTensor } from '../../src/checkpoint/stored-tensor.ts';
import { openDevice } from '../../src/open-device.ts';
import { closeDevice, type Device } from '../../tensor/device.ts';
import { free, read, tensor } from '../../tensor/tensor.ts';

const path = 'golden/preprocess/positions.safetensors';
let file: FileSource;
let tensors: ReadonlyMap<string, StoredTensor>;
let metadata: ReadonlyMap<string, string>;
beforeAll(async () => {
  file = await openFile(path);
  ({ tensors, metadata } = await openSafetensors(file));
});
afterAll(() => file.close());

const golden = (name: string): Promise<Float32Array> => readFloat32(tensors.get(name) as StoredTensor);
const largestDifference = (a: ArrayLike<number>, b: Float32Array) =>
  b.reduce((largest, value, i) => Math.max(largest, Math.abs(value - a[i])), 0);

const GRIDS = ['16to32', '16to8', '16to6', '3to6', '4to16', '16to33', '5to7', '16to1', '1to4'];

/**
 * PyTorch's float32 differs from its float64 by up to 3.22e-6 on these tables (16 to 33: coordinates round, values reach 4).
 * `cpu` computes in float64, so its distance is PyTorch's; `webasm` rounds by itself as well.
 */
const RESIZED = { cpu: 3.3e-6, webasm: 6.6e-6 };

describe.each(['cpu', 'webasm'] as const)('position tables resized on %s', (mode) => {
  let device: Device;
  beforeAll(async () => {
    device = (await openDevice(mode, 1)).device;
  });
  afterAll(() => closeDevice(device));

  test.each(GRIDS)('%s', async (name) => {
    const [from, to] = name.split('to').map(Number);
    const input = tensor(device, await golden(`${name}.input`), [from * from, 24]);
    const resized = resizeGrid(input, from, to);
    const found = await read(resized);
    const expected = await golden(`${name}.output`);
    free(input);
    free(resized);
    expect(found).toHaveLength(expected.length);
    expect(largestDifference(found, expected)).toBeLessThan(RESIZED[mode]);
  });
});

test.each(['sincos.128x3', 'sincos.256x4', 'sincos.4096x16'])('%s is the sine-cosine table', async (name) => {
  const [width, grid] = name.slice('sincos.'.length).split('x').map(Number);
  const table = sineCosinePositions(grid, width);
  const rows = JSON.parse(metadata.get(`${name}.rows`) ?? 'null') as number[] | null;
  const chosen = rows ?? Array.from({ length: grid * grid }, (_, row) => row);
  const found = chosen.flatMap((row) => [...table.subarray(row * width, (row + 1) * width)]);
  const expected = await golden(name);
  expect(found).toHaveLength(expected.length);
  expect(largestDifference(found, expected)).toBeLessThan(2e-6); // angles up to 15: half an ulp of each, and one of the frequency's power, which numpy rounds its own way
});
