import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { add } from '../../kernels/add.ts';
import { argmax } from '../../kernels/argmax.ts';
import { rmsNorm } from '../../kernels/rms-norm.ts';
import { openSystem } from '../../src/generate/open-system.ts';
import type { System } from '../../src/generate/system.ts';
import { openDevice } from '../../src/open-device.ts';
import { profileParts } from '../../src/profile/parts.ts';
import type { Workload } from '../../src/profile/pass.ts';
import { type Profile, profile } from '../../src/profile/profile.ts';
import { end, type PassRecord } from '../../src/profile/record.ts';
import { attributed, partsOf } from '../../src/profile/summary.ts';
import { traceEvents } from '../../src/profile/trace-events.ts';
import { type DeviceClock, watch } from '../../src/profile/watch.ts';
import { listTaps, plainInputs } from '../../src/verify/taps.ts';
import { closeDevice, createDevice, type Device } from '../../tensor/device.ts';
import { DeviceError } from '../../tensor/error.ts';
import { nullDriver } from '../../tensor/null.ts';
import { scope } from '../../tensor/scope.ts';
import { tap, withListener } from '../../tensor/tap.ts';
import { free, read, type Tensor, tensor } from '../../tensor/tensor.ts';
import { decodeTrace } from './trace-decoder.ts';

const T = 40;
const TOKENS = 4;
let device: Device;
let system: System;
let work: Workload;
let found: Profile;

beforeAll(async () => {
  ({ device } = await openDevice('webasm', 1));
  system = await openSystem(join('golden', 'tiny'), device);
  const { image_size: size, n_queries: rows } = system.checkpoint.config.visual;
  work = {
    pixels: async () => Float32Array.from({ length: 3 * size * size }, (_, i) => Math.sin(i)),
    images: 1,
    ids: new Int32Array(T).fill(5),
    source: Int32Array.from({ length: T }, (_, i) => (i > 0 && i <= rows ? i - 1 : -1)),
    tokens: TOKENS,
  };
  found = await profile(system.model, work, { mostRuns: 3 });
});
afterAll(async () => {
  await system.close();
  await closeDevice(device);
});

test('parts follow each other, and their parts add up to the whole', () => {
  for (const pass of [found.first, found.stepwise, found.fused, found.unwatched]) {
    expect(pass.parts.map(({ name }) => name)).toEqual([
      ...['image', 'vision encoder', 'adapter', 'prefill'],
      ...Array.from({ length: TOKENS - 1 }, () => 'decode'),
    ]);
    expect(pass.parts[0].start).toBe(0);
    for (const [i, part] of pass.parts.entries()) {
      expect(end(part)).toBeCloseTo(pass.parts[i + 1]?.start ?? pass.milliseconds, 6);
    }
    const sum = partsOf(pass).reduce((total, { milliseconds }) => total + milliseconds, 0);
    expect(Math.abs(sum / pass.milliseconds - 1)).toBeLessThan(0.05);
    for (const { between } of partsOf(pass)) expect(between).toBeGreaterThanOrEqual(0);
  }
});

test('at least 95 % of the forward pass belongs to kernels by name', async () => {
  // Whatever else runs on the machine may interrupt the host between kernels: of several profiles the least disturbed counts.
  const most = { stepwise: 0, fused: 0 };
  for (let tries = 0; tries < 5 && Math.min(most.stepwise, most.fused) <= 0.95; tries++) {
    const passes = tries === 0 ? found : await profile(system.model, work, { mostRuns: 3 });
    for (const kind of ['stepwise', 'fused'] as const) most[kind] = Math.max(most[kind], attributed(passes[kind]));
  }
  expect(most.stepwise).toBeGreaterThan(0.95);
  expect(most.fused).toBeGreaterThan(0.95);
});

test('launches lie in their parts, one after another, and their kernels in them', () => {
  const { launches, parts }: PassRecord = found.stepwise;
  let last = 0;
  for (const { awaited, kernels, part, milliseconds, source } of launches) {
    expect(awaited.start).toBeGreaterThanOrEqual(last);
    last = end(awaited);
    const around = parts.filter(({ name, start }) => name === part && start <= awaited.start);
    expect(end(around.at(-1)!)).toBeGreaterThanOrEqual(last);
    expect(kernels.length).toBeGreaterThan(0);
    expect(kernels[0].start).toBeGreaterThanOrEqual(awaited.start);
    expect(end(kernels.at(-1)!)).toBeLessThanOrEqual(last + 1e-6);
    expect({ milliseconds, source }).toEqual({ milliseconds: awaited.milliseconds, source: 'awaited' });
  }
});

test('every activation of the model names the launch that makes it', async () => {
  const heard = new Set(found.stepwise.launches.map((launch) => launch.tap));
  const taps = await listTaps(system.checkpoint.config, plainInputs(system.checkpoint.config, T));
  const made = taps.filter(({ operation, name }) => operation && !/^(decode\.|cache|logits|lm_head)/.test(name));
  const innermost = made.filter(({ name }) => !heard.has(name)).map(({ name }) => name);
  // Modules that end with another module have no launch of their own.
  expect(innermost.filter((name) => !/(\.attn|\.mlp|visual\.transformer|\.attn_pool|drop)$/.test(name))).toEqual([]);
  expect(heard.size).toBeGreaterThan(60);
});

test('stepwise shows the steps that are one operation as it runs', () => {
  const names = (pass: PassRecord) => new Set(pass.launches.map(({ op }) => op));
  expect(names(found.stepwise)).toContain('softmax');
  expect(names(found.stepwise)).not.toContain('attention');
  expect(names(found.fused)).toContain('attention');
  expect(names(found.fused)).not.toContain('softmax');
  expect(found.fused.launches.every((launch) => launch.tap === null)).toBe(true);
  expect(found.unwatched).toMatchObject({ launches: [], transfers: [] });
});

test('the tokens are those of every run, and nothing is left on the device', async () => {
  const alive = [...device.live].length;
  const again = await profile(system.model, work, { mostRuns: 1 });
  expect(again.tokens).toEqual(found.tokens);
  expect(again.tokens).toHaveLength(TOKENS);
  await device.queue.idle();
  expect(device.live.size).toBe(alive);
  expect({ onLaunch: device.onLaunch, onTransfer: device.onTransfer }).toEqual({});
});

test('a device is profiled by one at a time, and whoever heard its launches hears them again', () => {
  const idle = createDevice(nullDriver);
  const heard: string[] = [];
  idle.onLaunch = ({ op }) => void heard.push(op);
  const launchOne = () => free(argmax(tensor(idle, Float32Array.of(1), [1, 1])));
  const parts = profileParts(idle);
  parts.enter('decode');
  const watching = watch(idle, 'fused');
  expect(() => watch(idle, 'stepwise')).toThrow(
    new DeviceError('null: it is being profiled already; wait until that has ended'),
  );
  parts.stop(); // while another watches
  watching.enter('decode');
  launchOne();
  expect(watching.stop().launches).toHaveLength(1);
  watch(idle, 'stepwise').stop();
  const again = profileParts(idle);
  again.enter('decode');
  launchOne();
  again.stop();
  expect(again.parts()[0].launches).toBe(1);
  launchOne();
  expect(heard).toEqual(['argmax']); // the last one: all others have stopped
});

test('the trace of a real profile is strictly nested', () => {
  const threads = decodeTrace(JSON.stringify(traceEvents(found, device.description)));
  expect(threads.map(({ frames }) => frames.length)).toEqual([7, 7, 7]);
});

/** A driver whose launches return at once, as a GPU's do. */
function launching(): Device {
  return createDevice({
    name: 'webgpu',
    description: 'a GPU',
    upload: (load) => load(),
    run: () => ({}),
    read: () => new Float32Array(4),
    free: () => undefined,
    close: () => undefined,
  });
}

async function watched(clock?: DeviceClock): Promise<PassRecord> {
  const gpu = launching();
  const { run } = gpu.driver;
  const watching = watch(gpu, 'stepwise', clock);
  watching.enter('all');
  const work = () =>
    scope<Tensor>(() => {
      const x = tensor(gpu, Float32Array.of(1, 2, 3, 4), [2, 2]);
      return tap('outer', tap('inner', add(rmsNorm(x, tensor(gpu, Float32Array.of(1, 1), [2]), 0), x)));
    });
  free(withListener(watching.hear, work));
  await gpu.queue.idle();
  const pass = watching.stop();
  expect(gpu.driver.run).toBe(run);
  return pass;
}

test('where launches return early, only the device’s own clock knows how long they took', async () => {
  const { launches, transfers } = await watched();
  expect(launches.map(({ op, tap: name }) => [op, name])).toEqual([
    ['rmsNorm', null],
    ['add', 'inner'],
  ]);
  for (const { milliseconds, source } of launches)
    expect({ milliseconds, source }).toEqual({ milliseconds: null, source: null });
  expect(transfers.map(({ kind, bytes }) => `${kind} ${bytes}`)).toEqual(['upload 16', 'upload 8']);
});

test('where a device records, only lists have times as it runs; stepwise, kernels are heard', async () => {
  for (const kind of ['fused', 'stepwise'] as const) {
    const log: string[] = [];
    const flush = () => void log.push('flush');
    const recording = createDevice({
      ...launching().driver,
      name: 'simd',
      run(...[, , , , onKernel]) {
        log.push(onKernel ? 'run' : 'record');
        onKernel?.('kernel', performance.now(), 0.5);
        return {};
      },
      flush,
    });
    const watching = watch(recording, kind);
    watching.enter('all');
    const x = tensor(recording, Float32Array.of(1, 2, 3, 4), [2, 2]);
    const y = add(x, x);
    await read(y);
    for (const made of [x, y]) free(made);
    await recording.queue.idle();
    const { launches, lists } = watching.stop();
    expect(recording.driver.flush).toBe(flush);
    const [{ milliseconds, source, kernels }] = launches;
    if (kind === 'fused') {
      expect({ milliseconds, source, kernels }).toEqual({ milliseconds: null, source: null, kernels: [] });
      expect(lists.length).toBeGreaterThan(0);
      expect(log.join(' ')).toMatch(/record flush/);
    } else {
      expect(milliseconds).toBeGreaterThan(0);
      expect({ source, names: kernels.map(({ name }) => name) }).toEqual({ source: 'awaited', names: ['kernel'] });
      expect(lists).toEqual([]);
      expect(log[0]).toBe('run');
    }
  }
});

test('a device’s clock is started and stopped around each launch; what it does not know is null', async () => {
  const answers = [{ compute: 0.25 }, { compute: null }];
  const calls: string[] = [];
  const { launches } = await watched({
    source: 'timestamp-query',
    start: () => void calls.push('start'),
    async stop() {
      calls.push('stop');
      return answers.shift()!;
    },
  });
  expect(calls).toEqual(['start', 'stop', 'start', 'stop']);
  expect(launches.map(({ milliseconds, source }) => ({ milliseconds, source }))).toEqual([
    { milliseconds: 0.25, source: 'timestamp-query' },
    { milliseconds: null, source: null },
  ]);
});

test('a watch that is given up leaves the device as it was', async () => {
  const failing = { ...work, pixels: () => Promise.reject(new Error('no picture')) };
  await expect(profile(system.model, failing)).rejects.toThrow('no picture');
  expect({ onLaunch: device.onLaunch, onTransfer: device.onTransfer }).toEqual({});
});
