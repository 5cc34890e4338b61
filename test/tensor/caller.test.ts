import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createCaller } from '../../tensor/caller.ts';
import { closeDevice, createDevice } from '../../tensor/device.ts';
import { DeviceError } from '../../tensor/error.ts';
import { free, read, type Tensor, tensor } from '../../tensor/tensor.ts';
import { apply, fakeDriver, gate } from './fake-driver.ts';

const one = (device: Tensor['device'], value: number) => tensor(device, Float32Array.of(value), [1, 1]);

test('a signal gives up what its caller launched, and nothing else', async () => {
  const running = gate();
  const driver = fakeDriver();
  const device = createDevice(driver);
  const weight = tensor(device, () => running.opened.then(() => Float32Array.of(1)), [1, 1]); // still on its way
  const controller = new AbortController();
  const [mine, other] = [createCaller(device, controller.signal), createCaller(device)];
  const results = [mine, other].map((caller) =>
    caller.launch(() => {
      const y = apply('double', weight);
      const data = read(y);
      free(y);
      return { data };
    }),
  );
  const reached = mine.launch(() => ({ reached: device.queue.reached() }));
  const before = read(weight);
  await Promise.resolve();
  const reason = new Error('enough');
  controller.abort(reason);
  running.open();
  await expect(results[0].data).rejects.toBe(reason);
  await expect(reached.reached).rejects.toBe(reason);
  expect([...(await before)]).toEqual([1]);
  expect([...(await results[1].data)]).toEqual([7]);
  expect(() => mine.launch(() => apply('double', weight))).toThrow(reason);
  await expect(mine.wait(new Promise(() => undefined))).rejects.toBe(reason);
  free(weight);
  await device.queue.idle();
  expect(driver.log.filter((line) => line.startsWith('run'))).toEqual(['run double 1,1']);
  expect(device.live.size).toBe(0);
});

test('a caller that has left is not heard any more', async () => {
  const device = createDevice(fakeDriver());
  const controller = new AbortController();
  const caller = createCaller(device, controller.signal);
  const x = caller.launch(() => one(device, 3));
  caller.leave();
  controller.abort();
  expect([...(await read(x))]).toEqual([3]);
});

test('what was pushed so far is reached while others go on', async () => {
  const device = createDevice(fakeDriver());
  let over = false;
  const others = (async () => {
    for (let i = 0; i < 1000 && !over; i++) await read(one(device, i));
    return over;
  })();
  await read(one(device, 0));
  await device.queue.reached();
  over = true;
  expect(await others).toBe(true);
});

test('however callers take turns, each gets its own numbers or its own reason, and leaves nothing', async () => {
  const program = fc.record({ steps: fc.integer({ min: 1, max: 4 }), aborted: fc.boolean() });
  await fc.assert(
    fc.asyncProperty(
      fc.scheduler(),
      fc.array(program, { minLength: 2, maxLength: 4 }),
      fc.boolean(),
      async (schedule, programs, closes) => {
        const driver = fakeDriver({
          run: (_, [x]) => schedule.schedule(Promise.resolve((x as Float32Array).map((value) => value + 1)), 'run'),
        });
        const device = createDevice(driver);
        const answers = programs.map(async ({ steps, aborted }, id) => {
          const controller = new AbortController();
          const caller = createCaller(device, controller.signal);
          if (aborted) schedule.schedule(Promise.resolve(), `abort ${id}`).then(() => controller.abort(id));
          let x: Tensor | undefined;
          try {
            let value: ArrayLike<number> = [];
            for (let step = 0; step < steps; step++) {
              const before: Tensor = x ?? caller.launch(() => one(device, 10 * id));
              x = before;
              const next = caller.launch(() => {
                const after = apply('one more', before);
                free(before);
                x = after;
                return { data: read(after) };
              });
              value = await next.data;
            }
            return value[0];
          } finally {
            if (x) free(x);
            caller.leave();
          }
        });
        if (closes) schedule.schedule(Promise.resolve(), 'close').then(() => closeDevice(device));
        const settled = await schedule.waitFor(Promise.allSettled(answers));
        for (const [id, result] of settled.entries()) {
          const { steps, aborted } = programs[id];
          if (result.status === 'fulfilled') expect(result.value).toBe(10 * id + steps);
          else if (result.reason instanceof DeviceError) expect(closes).toBe(true);
          else expect([aborted, result.reason]).toEqual([true, id]);
        }
        expect([device.live.size, device.memory.bytes]).toEqual([0, 0]);
      },
    ),
    { numRuns: 100 },
  );
});
