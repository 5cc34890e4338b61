import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { roofsOf } from '../../src/profile/roof-cache.ts';
import { closeDevice, type Device } from '../../tensor/device.ts';
import { openDevice } from '../../tensor/open.ts';

let folder: string;
let device: Device;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qvl-roofs-'));
  device = (await openDevice('cpu', 1)).device;
});
afterAll(async () => {
  await closeDevice(device);
  await rm(folder, { recursive: true });
});

test('roofs are measured once, and kept with the machine and the device that they belong to', async () => {
  const file = join(folder, 'made', 'roofs.json');
  let measured = 0;
  const options = { file, measuring: () => void measured++ };
  const first = await roofsOf(device, 1, options);
  expect(first.device).toBe(device.description);
  for (const value of [first.multiplyAdd, first.memory, first.launch, ...first.caches.map(({ rate }) => rate)]) {
    expect(value).toBeGreaterThan(0);
    expect(value).toBeLessThan(1e5);
  }
  expect(device.live.size).toBe(0);
  expect(await roofsOf(device, 1, options)).toEqual(first);
  expect(measured).toBe(1);

  // What is no roof in the file is none: neither another shape, nor another device's.
  const kept = JSON.parse(await readFile(file, 'utf8')) as Record<string, object>;
  const [key] = Object.keys(kept);
  expect(key).toContain(device.description);
  await writeFile(file, JSON.stringify({ [key]: { ...kept[key], memory: -1 }, other: kept[key], more: 7 }));
  expect((await roofsOf(device, 1, options)).memory).toBeGreaterThan(0);
  expect(measured).toBe(2);
  expect(Object.keys(JSON.parse(await readFile(file, 'utf8')))).toEqual(['other', key]);
}, 60_000);
