import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { provideWebGpu } from '../../tensor/webgpu-node.ts';

const create = vi.fn(() => ({ requestAdapter: async () => ({ info: { isFallbackAdapter: false } }) }));
vi.mock('webgpu', () => ({ create, globals: { GPUDevice: class {}, GPUOfTheTest: class {} } }));

const installed = () => [globalThis.navigator && 'gpu' in globalThis.navigator, 'GPUOfTheTest' in globalThis];

beforeEach(() => void vi.stubGlobal('navigator', { userAgent: 'Node.js/22' })); // as from Node 21 on
afterEach(() => void vi.unstubAllGlobals());

test('what was installed stays until the last of its users leaves, whatever the order', async () => {
  const [first, second] = await Promise.all([provideWebGpu('any'), provideWebGpu('any')]);
  const third = await provideWebGpu('any');
  for (const withdraw of [second, first]) {
    withdraw();
    expect(installed()).toEqual([true, true]);
    expect(await navigator.gpu.requestAdapter()).not.toBeNull();
  }
  third();
  expect(installed()).toEqual([false, false]);
  (await provideWebGpu('any'))();
  expect(installed()).toEqual([false, false]);
  expect(create).toHaveBeenCalledOnce(); // the binding hangs if one that had a device is collected
});

test('a navigator keeps what it has, and one that was not there is gone afterwards', async () => {
  const before = navigator;
  const withdraw = await provideWebGpu('any');
  expect(navigator).toBe(before);
  expect(navigator.userAgent).toBe('Node.js/22');
  withdraw();
  vi.stubGlobal('navigator', undefined);
  (await provideWebGpu('any'))();
  expect(globalThis.navigator).toBe(undefined);
});

test('a WebGPU that is there is left alone', async () => {
  const gpu = create();
  vi.stubGlobal('navigator', { gpu });
  const withdraw = await provideWebGpu('any');
  expect(installed()).toEqual([true, false]);
  withdraw();
  expect(navigator.gpu).toBe(gpu);
});

test('one that has no adapter leaves nothing behind', async () => {
  const withdraw = await provideWebGpu('any');
  navigator.gpu.requestAdapter = async () => null;
  const wanted = [provideWebGpu('any'), provideWebGpu('hardware')];
  for (const each of wanted) await expect(each).rejects.toThrow('no WebGPU: no adapter answers');
  expect(installed()).toEqual([true, true]);
  withdraw();
  expect(installed()).toEqual([false, false]);
});
