import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { openDevice } from '../../src/open-device.ts';
import { machine, watchOthers } from '../../src/profile/machine.ts';
import { roofsOf } from '../../src/profile/roof-cache.ts';
import { measureRoofs, type Roofs } from '../../src/profile/roofs.ts';
import { closeDevice, type Device } from '../../tensor/device.ts';

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
  // Other tests run beside this one, which is not what it is about.
  const measure = async () => ({ ...(await measureRoofs(device, 1)), others: 0 });
  const options = { file, measure, measuring: () => void measured++ };
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
  await writeFile(file, JSON.stringify({ [key]: { ...first, memory: -1 }, other: kept[key], more: 7 }));
  expect((await roofsOf(device, 1, options)).memory).toBeGreaterThan(0);
  expect(measured).toBe(2);
  expect(Object.keys(JSON.parse(await readFile(file, 'utf8')))).toEqual(['other', key]);
}, 60_000);

test('roofs of a busy machine are raised by every later measurement, until it is quiet', async () => {
  const file = join(folder, 'busy.json');
  const roofs = (rate: number): Roofs => ({
    ...{ device: device.description, multiplyAdd: rate, memory: rate, launch: 1 / rate },
    caches: [{ bytes: 1024, rate }],
  });
  const rateOf = async (rate: number, others: number, how: 'kept' | 'higher' | 'anew' = 'kept') => {
    let measured = false;
    const found = await roofsOf(device, 1, {
      ...{ how, file },
      measure: async () => {
        measured = true;
        return { ...roofs(rate), others };
      },
    });
    expect(found).toEqual({ ...roofs(found.memory), others: found.others });
    return [found.memory, measured];
  };
  expect(await rateOf(20, 0.9)).toEqual([20, true]);
  expect(await rateOf(10, 0.5)).toEqual([20, true]); // the next run looks again, and loses nothing
  expect(await rateOf(30, 0.02)).toEqual([30, true]);
  expect(await rateOf(99, 0)).toEqual([30, false]); // a quiet one is kept
  expect(await rateOf(25, 0.9, 'higher')).toEqual([30, true]);
  expect(await rateOf(40, 0.9, 'higher')).toEqual([40, true]);
  expect(await rateOf(99, 0)).toEqual([40, false]); // what was found then is kept too
  expect(await rateOf(35, 0, 'anew')).toEqual([35, true]);
  expect(await rateOf(99, 0)).toEqual([35, false]);

  // What an earlier version kept does not say whether the machine was busy.
  const key = Object.keys(JSON.parse(await readFile(file, 'utf8')))[0];
  await writeFile(file, JSON.stringify({ [key]: roofs(1) }));
  expect(await rateOf(12, 0)).toEqual([12, true]);
});

test('whether other programs run is seen, and this one is no other', async () => {
  const others = watchOthers();
  const other = spawn(process.execPath, ['-e', 'for (const start = Date.now(); Date.now() - start < 500; );']);
  await new Promise((done) => other.on('close', done));
  const share = others();
  expect(share).toBeGreaterThan(0.3 / machine().cores);
  expect(share).toBeLessThanOrEqual(1);
  const own = vi.spyOn(process, 'cpuUsage').mockReturnValue({ user: 1e12, system: 0 });
  expect(others()).toBe(0);
  own.mockRestore();
});
