import { expect, test } from 'vitest';
import { add } from '../../kernels/add.ts';
import { divide } from '../../kernels/scale.ts';
import { closeDevice, createDevice, type Launch } from '../../tensor/device.ts';
import { gpuJs } from '../../tensor/gpu-js.ts';
import { scope } from '../../tensor/scope.ts';
import { block, isHeard, path, tap, withListener } from '../../tensor/tap.ts';
import { read, type Tensor, tensor } from '../../tensor/tensor.ts';
import { fakeDriver } from './fake-driver.ts';

/** A model of two blocks that each double and add one. */
function model(x: Tensor, one: Tensor): Tensor {
  for (const layer of [0, 1]) {
    x = block(`h.${layer}`, { one }, ({ one }) => tap('', add(tap('double', divide(x, 0.5)), one)));
  }
  return tap('out', x);
}

async function run(listener?: (name: string, x: Tensor) => Tensor | undefined) {
  const device = createDevice(await gpuJs('cpu', 1));
  const result = scope(() => {
    const x = tensor(device, Float32Array.of(1, 2), [1, 2]);
    const one = tensor(device, Float32Array.of(1, 1), [1, 2]);
    return { data: read(listener ? withListener(listener, () => model(x, one)) : model(x, one)) };
  });
  const data = [...(await result.data)];
  await device.queue.idle();
  expect(device.live.size).toBe(0);
  await closeDevice(device);
  return data;
}

test('names are the path of the block and the name inside it; values can be read though they are freed at once', async () => {
  const heard: [string, Promise<ArrayLike<number>>][] = [];
  expect(await run((name, x) => void heard.push([name, read(x)]))).toEqual([7, 11]);
  const values = await Promise.all(heard.map(async ([name, data]) => [name, ...Array.from(await data)]));
  expect(values).toEqual([
    ['h.0.double', 2, 4],
    ['h.0', 3, 5],
    ['h.1.double', 6, 10],
    ['h.1', 7, 11],
    ['out', 7, 11],
  ]);
});

test('a listener can put another tensor in the place of an activation', async () => {
  const forced = await run((name, x) =>
    name === 'h.0' ? tensor(x.device, Float32Array.of(10, 20), x.shape, { label: 'golden' }) : undefined,
  );
  expect(forced).toEqual([21, 41]);
  expect(await run()).toEqual([7, 11]);
});

test('a listener hears what it wants; what nobody hears may be fused', () => {
  const device = createDevice(fakeDriver());
  const x = tensor(device, Float32Array.of(1), [1, 1]);
  const heard: string[] = [];
  const work = () => block('h.0', {}, () => [isHeard('a'), isHeard('b'), isHeard('b', 'a'), tap('a', x), tap('b', x)]);
  const hear = (name: string) => void heard.push(name);
  expect(withListener(hear, work, (name) => name === 'h.0.b').slice(0, 3)).toEqual([false, true, true]);
  expect(heard).toEqual(['h.0.b']);
  expect(withListener(hear, work).slice(0, 3)).toEqual([true, true, true]);
  expect(work().slice(0, 3)).toEqual([false, false, false]);
  expect(heard).toEqual(['h.0.b', 'h.0.a', 'h.0.b']);
});

test('the path and the listener are gone after an error', () => {
  const device = createDevice(fakeDriver());
  const fail = () => {
    throw new Error('inside');
  };
  expect(() => withListener(fail, () => block('h.0', {}, fail))).toThrow('inside');
  expect(path()).toBe('');
  const x = tensor(device, Float32Array.of(1), [1, 1]);
  expect(tap('anything', x)).toBe(x);
});

test('launches carry the path of their block, and their time once they have run', async () => {
  const device = createDevice(fakeDriver());
  const launches: Launch[] = [];
  device.onLaunch = (launch) => launches.push(launch);
  const x = tensor(device, Float32Array.of(1, 2), [1, 2]);
  model(x, x);
  expect(launches.map(({ op, path }) => `${path} ${op}`)).toEqual(['h.0 divide', 'h.0 add', 'h.1 divide', 'h.1 add']);
  const { asked, launching, ...described } = { ...launches[0] };
  expect(described).toMatchObject({
    op: 'divide',
    path: 'h.0',
    inputs: [[1, 2]],
    shape: [1, 2],
    operations: 2,
    bytes: 16,
  });
  expect(described).toMatchObject({ sizes: { N: 1, D: 2 } });
  expect(asked + launching!).toBeLessThanOrEqual(performance.now());
  await device.queue.idle();
  expect(launches.every(({ milliseconds }) => milliseconds! >= 0)).toBe(true);
});
