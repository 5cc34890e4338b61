import { expect, test } from 'vitest';
import { linear } from '../../kernels/linear.ts';
import { createCache, freeCache } from '../../src/model/cache.ts';
import { decode, encodeImages, freeModel, loadModel, logits } from '../../src/model/qwen-vl.ts';
import { RECIPES } from '../../src/open-device.ts';
import { closeDevice, createDevice, type HostData } from '../../tensor/device.ts';
import { DeviceError } from '../../tensor/error.ts';
import { scope } from '../../tensor/scope.ts';
import { simd } from '../../tensor/simd/driver.ts';
import { read, tensor } from '../../tensor/tensor.ts';
import { CASES, type OpenedCase, openCase } from '../golden/cases.ts';

const PAGE = 65_536;
const SMALL = 36;

/** Scores after a prompt with an image, then after one more token. */
async function pass({ checkpoint }: OpenedCase, pages?: number): Promise<{ scores: HostData[]; weights: number }> {
  const device = createDevice(await simd(RECIPES, 2, pages));
  const model = loadModel(device, checkpoint.config, checkpoint.load);
  const { image_size: size, n_queries: queries } = checkpoint.config.visual;
  const ids = Int32Array.from({ length: queries + 9 }, (_, i) => (i * 37 + 5) % 180);
  const source = Int32Array.from(ids, (_, i) => (i < queries ? i : -1));
  const pixels = Float32Array.from({ length: 3 * size * size }, (_, i) => Math.sin(i));
  const cache = createCache(model, ids.length + 1);
  const { first, second } = scope(() => {
    const features = encodeImages(model, tensor(device, pixels, [3 * size, size]));
    return {
      first: read(logits(model, decode(model, ids, cache, { features, source }))),
      second: read(logits(model, decode(model, Int32Array.of(7), cache))),
    };
  });
  freeCache(cache);
  const scores = await Promise.all([first, second]);
  const weights = Object.values(model.weights).reduce((sum, { shape }) => sum + 4 * shape.reduce((a, b) => a * b), 0);
  freeModel(model);
  await device.queue.idle();
  expect([device.live.size, device.memory.bytes]).toEqual([0, 0]);
  await closeDevice(device);
  return { scores, weights };
}

test('a model that lies in several memories gives the same bytes as in one', async () => {
  const opened = await openCase(CASES[0]);
  const one = await pass(opened);
  const several = await pass(opened, SMALL);
  expect(several.scores).toEqual(one.scores);
  expect(several.weights).toBeGreaterThan(SMALL * PAGE); // one such memory cannot hold them
  await opened.close();
});

test('what no memory can hold is an error that says what to do', async () => {
  const device = createDevice(await simd(RECIPES, 1, 4));
  const make = (rows: number) => tensor(device, new Float32Array(rows * 64), [rows, 64]);
  await expect(read(make(2000))).rejects.toThrow(DeviceError);
  const y = scope(() => ({ y: read(linear(make(64), make(64))) })).y; // the device goes on
  expect(await y).toHaveLength(64 * 64);
  await closeDevice(device);
});
