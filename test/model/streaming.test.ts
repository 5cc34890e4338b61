import { expect, test } from 'vitest';
import type { Residence } from '../../src/architecture/weight-shapes.ts';
import { createCache, freeCache } from '../../src/model/cache.ts';
import { decode, encodeImages, freeModel, loadModel, logits, type Model } from '../../src/model/qwen-vl.ts';
import { openDevice } from '../../src/open-device.ts';
import { closeDevice, type Device, type HostData } from '../../tensor/device.ts';
import { scope } from '../../tensor/scope.ts';
import { read, tensor } from '../../tensor/tensor.ts';
import { CASES, type OpenedCase, openCase } from '../golden/cases.ts';

const ids = Int32Array.of(3, 1, 4, 1, 5);

/** Features of one image, and the scores after a prompt that shows it. */
async function pass(model: Model): Promise<HostData[]> {
  const { image_size: size } = model.config.visual;
  const pixels = Float32Array.from({ length: 3 * size * size }, (_, i) => Math.sin(i));
  const cache = createCache(model, ids.length);
  const { features, scores } = scope(() => {
    const seen = encodeImages(model, tensor(model.device, pixels, [3 * size, size]));
    const source = Int32Array.of(-1, 0, 1, -1, -1);
    const hidden = decode(model, ids, cache, { features: seen, source });
    return { features: read(seen), scores: read(logits(model, hidden)) };
  });
  freeCache(cache);
  return Promise.all([features, scores]);
}

async function measured(opened: OpenedCase, device: Device, resident: Residence) {
  const loads: string[] = [];
  const load = (name: string) => {
    loads.push(name);
    return opened.checkpoint.load(name);
  };
  const model = loadModel(device, opened.checkpoint.config, load, { resident });
  await device.queue.idle();
  const loadedAtFirst = loads.length;
  const results = await pass(model);
  const { peakBytes } = device.memory;
  const weights = Object.values(model.weights).reduce((sum, { shape }) => sum + 4 * shape.reduce((a, b) => a * b), 0);
  const largest = Math.max(
    ...model.h.map((block) =>
      Object.values(block as object).reduce((sum, { shape }) => sum + 4 * shape[0] * (shape[1] ?? 1), 0),
    ),
  );
  freeModel(model);
  await device.queue.idle();
  expect([device.live.size, device.memory.bytes]).toEqual([0, 0]);
  return { results, loadedAtFirst, loads: loads.length, peakBytes, weights, largest };
}

// model-a resizes its position tables, model-b takes one as it is.
test.each([
  CASES[0],
  CASES[1],
])('streamed block by block, $name gives the same and never holds all of itself', async (wanted) => {
  const opened = await openCase(wanted);
  const { device } = await openDevice('cpu');
  const { device: other } = await openDevice('cpu');
  const resident = await measured(opened, device, 'all');
  const streamed = await measured(opened, other, 'none');

  expect(streamed.results).toEqual(resident.results);
  expect(resident.loadedAtFirst).toBe(resident.loads);
  expect(streamed.loadedAtFirst).toBe(2); // the position tables
  expect(streamed.loads).toBe(resident.loads + 1); // of which the adapter's holds its queries' too
  expect(resident.peakBytes).toBeGreaterThan(resident.weights);
  expect(streamed.peakBytes).toBeLessThan(resident.peakBytes - resident.weights + 2 * resident.largest);

  await closeDevice(device);
  await closeDevice(other);
  await opened.close();
});
