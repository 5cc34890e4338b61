import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createSight, type Sight } from '../../src/generate/sight.ts';
import type { Picture } from '../../src/input/picture/picture.ts';
import { freeModel, loadModel, type Model } from '../../src/model/qwen-vl.ts';
import { openDevice } from '../../src/open-device.ts';
import { createCaller } from '../../tensor/caller.ts';
import { closeDevice, type Device, type HostData } from '../../tensor/device.ts';
import { DeviceError } from '../../tensor/error.ts';
import { free, read } from '../../tensor/tensor.ts';
import { CASES, type OpenedCase, openCase } from '../golden/cases.ts';

const [SIDE, MOST] = [9, 2];
/** Pictures of one colour each. */
const pictures = Array.from({ length: 5 }, (_, i): Picture => {
  return { width: SIDE, height: SIDE, data: new Uint8Array(3 * SIDE * SIDE).fill(40 * i) };
});

let opened: OpenedCase;
let device: Device;
let model: Model;
/** What each picture looks like, to somebody alone. */
const alone: HostData[] = [];
let before: number;

beforeAll(async () => {
  opened = await openCase(CASES[2]);
  device = (await openDevice('simd', 1)).device;
  model = loadModel(device, opened.checkpoint.config, opened.checkpoint.load);
  before = device.live.size;
  for (const picture of pictures) {
    const sight = createSight(model);
    alone.push(await look(sight, [picture]));
    sight.free();
  }
});
afterAll(async () => {
  freeModel(model);
  expect([device.live.size, device.memory.bytes]).toEqual([0, 0]);
  await closeDevice(device);
  await opened.close();
});

async function look(
  sight: Sight,
  shown: readonly Picture[],
  signal?: AbortSignal,
  onPart: (name: string) => void = () => undefined,
): Promise<HostData> {
  const caller = createCaller(device, signal);
  try {
    const features = await sight.look(shown, caller, onPart);
    const data = read(features);
    free(features);
    return await data;
  } finally {
    caller.leave();
  }
}

const rowsOf = (numbers: readonly number[]) => numbers.flatMap((i) => [...alone[i]]);

test('many first looks at one picture are one look', async () => {
  const sight = createSight(model, MOST);
  const stages: string[] = [];
  const looks = Array.from({ length: 4 }, () =>
    look(sight, [pictures[0]], undefined, (name) => void stages.push(name)),
  );
  for (const features of await Promise.all(looks)) expect(features).toEqual(alone[0]);
  expect(stages).toEqual(['vision encoder', 'adapter']);
  expect(device.live.size).toBe(before + 1);
  sight.free();
  expect(device.live.size).toBe(before);
});

test('who waits for a look that is given up looks by itself', async () => {
  const sight = createSight(model, MOST);
  for (const stage of ['vision encoder', 'adapter']) {
    for (const fails of [false, true]) {
      const controller = new AbortController();
      const picture = { ...pictures[1] };
      const first = look(sight, [pictures[3], picture], controller.signal, (name) => {
        if (name !== stage) return;
        if (fails) throw new Error('a callback that throws');
        queueMicrotask(() => controller.abort(new Error('enough'))); // when its work is queued
      });
      const second = look(sight, [picture, pictures[4]]);
      await expect(first).rejects.toThrow(fails ? 'a callback that throws' : 'enough');
      expect([...(await second)]).toEqual(rowsOf([1, 4]));
    }
  }
  sight.free();
  expect(device.live.size).toBe(before);
});

test('who waits gives up at once, and whom it waited for goes on', async () => {
  const sight = createSight(model, MOST);
  const controller = new AbortController();
  const first = look(sight, [pictures[0]]);
  const second = look(sight, [pictures[0]], controller.signal);
  controller.abort(new Error('enough'));
  await expect(second).rejects.toThrow('enough');
  expect(await first).toEqual(alone[0]);
  sight.free();
  expect(device.live.size).toBe(before);
});

test('a picture that is needed is not forgotten, whoever looks at what meanwhile', async () => {
  const sight = createSight(model, MOST);
  await look(sight, [pictures[0]]);
  const others = look(sight, [pictures[3], pictures[4]]); // as many as it remembers
  const stages: string[] = [];
  const old = look(sight, [pictures[0], pictures[1], pictures[2]], undefined, (name) => void stages.push(name));
  expect([...(await others)]).toEqual(rowsOf([3, 4]));
  expect([...(await old)]).toEqual(rowsOf([0, 1, 2]));
  expect(stages).toEqual(['vision encoder', 'adapter']); // picture 0 was not looked at anew
  expect([...(await look(sight, [pictures[0]]))]).toEqual(rowsOf([0]));
  sight.free();
  expect(device.live.size).toBe(before);
});

test('however callers take turns, each sees what it would see alone, and nothing is left', async () => {
  const pause = fc.integer({ min: 0, max: 12 });
  const visitor = fc.record({
    shown: fc.array(fc.nat(pictures.length - 1), { minLength: 1, maxLength: 4 }),
    arrives: pause,
    leaves: fc.option(pause),
  });
  const turns = async (count: number) => {
    for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve));
  };
  await fc.assert(
    fc.asyncProperty(fc.array(visitor, { minLength: 2, maxLength: 5 }), fc.option(pause), async (visitors, ends) => {
      const sight = createSight(model, MOST);
      const looks = visitors.map(async ({ shown, arrives, leaves }, id) => {
        const controller = new AbortController();
        await turns(arrives);
        if (leaves !== null) void turns(leaves).then(() => controller.abort(id));
        return look(
          sight,
          shown.map((i) => pictures[i]),
          controller.signal,
        );
      });
      if (ends !== null) void turns(ends).then(() => sight.free());
      for (const [id, result] of (await Promise.allSettled(looks)).entries()) {
        if (result.status === 'fulfilled') expect([...result.value]).toEqual(rowsOf(visitors[id].shown));
        else expect([visitors[id].leaves !== null, result.reason]).toEqual([true, id]);
      }
      await turns(15); // a signal may come when all is over
      expect(device.live.size).toBeLessThanOrEqual(before + MOST + 4);
      sight.free();
      expect(device.live.size).toBe(before);
    }),
    { numRuns: 40 },
  );
});

test('a closed device ends a look with a typed error', async () => {
  const { device: own } = await openDevice('simd', 1);
  const closing = loadModel(own, opened.checkpoint.config, opened.checkpoint.load);
  const sight = createSight(closing);
  const caller = createCaller(own);
  const looks = Promise.allSettled(
    [pictures[0], pictures[1], pictures[0]].map((picture) => sight.look([picture], caller, () => undefined)),
  );
  await closeDevice(own);
  sight.free();
  for (const result of await looks) {
    expect(result).toMatchObject({ status: 'rejected', reason: expect.any(DeviceError) });
  }
  await expect(sight.look([pictures[0]], caller, () => undefined)).rejects.toThrow(DeviceError);
});
