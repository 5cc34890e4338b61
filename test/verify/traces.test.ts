import { readFile } from 'node:fs/promises';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { memorySource } from '../../src/checkpoint/byte-source.ts';
import { openSafetensors, writeSafetensors } from '../../src/checkpoint/safetensors.ts';
import type { HostTensor } from '../../src/checkpoint/stored-tensor.ts';
import { CheckpointError } from '../../src/error.ts';
import { freeModel, loadModel, type Model } from '../../src/model/qwen-vl.ts';
import { openDevice } from '../../src/open-device.ts';
import { compareGolden } from '../../src/verify/compare.ts';
import { compareTraces } from '../../src/verify/compare-traces.ts';
import { openGolden } from '../../src/verify/golden.ts';
import { recordTrace } from '../../src/verify/trace.ts';
import { closeDevice, type Device } from '../../tensor/device.ts';
import type { FileType } from '../../tensor/dtype.ts';
import { CASES, type OpenedCase, openCase } from '../golden/cases.ts';

const open = (bytes: Uint8Array, name = 'trace') => openSafetensors(memorySource(bytes, name));
const float32 = (shape: number[], data: number[]): HostTensor => ({
  dtype: 'float32',
  shape,
  data: Float32Array.from(data),
});

describe('a trace of model-a', () => {
  let device: Device;
  let opened: OpenedCase;
  let model: Model;
  let trace: Uint8Array;
  beforeAll(async () => {
    device = (await openDevice('webasm', 2)).device;
    opened = await openCase(CASES[0]);
    model = loadModel(device, opened.checkpoint.config, opened.checkpoint.load);
    const { bytes, parts } = recordTrace(model, opened.golden, undefined, { device: 'webasm' });
    const written: Uint8Array[] = [];
    for await (const part of parts) written.push(part);
    trace = new Uint8Array(Buffer.concat(written));
    expect(trace.length).toBe(bytes);
    expect(written.length).toBeGreaterThan(100); // never in memory as a whole
  });
  afterAll(async () => {
    freeModel(model);
    await closeDevice(device);
    await opened.close();
  });

  test('has every tensor of the golden in its layout, and more, in the order of the computation', async () => {
    const golden = await open(await readFile('golden/quirks/model-a.activations.safetensors'), 'golden');
    const ours = await open(trace);
    for (const [name, { shape }] of golden.tensors)
      expect([name, ours.tensors.get(name)?.shape]).toEqual([name, shape]);
    expect(ours.tensors.get('transformer.h.1.attn.scores')?.shape).toEqual([1, 4, 42, 42]);

    const { results, onlyReference, misshapen } = await compareTraces(ours, golden);
    expect([onlyReference, misshapen]).toEqual([[], []]);
    expect(Math.max(...results.map(({ nmse }) => nmse))).toBeLessThan(1e-11);
    const names = results.map(({ name }) => name);
    expect(names.indexOf('transformer.visual.conv1')).toBe(0);
    expect(names.indexOf('transformer.h.0.ln_1')).toBeGreaterThan(names.indexOf('transformer.visual'));
    expect(names.indexOf('logits')).toBeGreaterThan(names.indexOf('transformer.h.2'));
    expect(results.find(({ name }) => name === 'logits')?.scores?.flipCount).toBe(0);
  });

  test('is a golden itself: the same device equals it to the bit', async () => {
    const results = await compareGolden(model, await openGolden(memorySource(trace, 'trace')));
    expect(results.length).toBeGreaterThan(86);
    expect(results.filter(({ nmse }) => nmse !== 0)).toEqual([]);
  });
});

describe('two traces from anywhere', () => {
  const trace = (tensors: Record<string, HostTensor>, metadata: Record<string, string> = {}) =>
    open(writeSafetensors(new Map(Object.entries(tensors)), metadata));

  test('what only one has, and what has another shape, is listed; axes of size 1 do not count', async () => {
    const a = await trace({ x: float32([1, 2], [1, 2]), y: float32([2], [1, 2]), z: float32([1], [0]) });
    const b = await trace({ x: float32([2], [1, 3]), y: float32([3], [1, 2, 3]), w: float32([1], [0]) });
    const { results, ...rest } = await compareTraces(a, b);
    expect(rest).toEqual({ onlyActual: ['z'], onlyReference: ['w'], misshapen: ['y'], unmeasured: [] });
    expect(results).toMatchObject([{ name: 'x', nmse: 0.1, place: '[1]' }]);
  });

  describe('integers and truth values', () => {
    const whole = (dtype: FileType, data: ArrayBufferView, length: number): HostTensor => ({
      dtype,
      shape: [length],
      data,
    });
    const compared = async (a: HostTensor, b: HostTensor) =>
      compareTraces(await trace({ x: a }), await trace({ x: b }));

    test.each<[FileType, (...values: number[]) => ArrayBufferView]>([
      ['int64', (...values) => BigInt64Array.from(values, BigInt)],
      ['uint64', (...values) => BigUint64Array.from(values, BigInt)],
      ['int32', (...values) => Int32Array.from(values)],
      ['uint32', (...values) => Uint32Array.from(values)],
      ['int16', (...values) => Int16Array.from(values)],
      ['uint16', (...values) => Uint16Array.from(values)],
      ['int8', (...values) => Int8Array.from(values)],
      ['uint8', (...values) => Uint8Array.from(values)],
      ['bool', (...values) => Uint8Array.from(values, (value) => value & 1)],
    ])('%s: the same, or infinitely far apart', async (dtype, of) => {
      const reference = whole(dtype, of(100, 101), 2);
      expect((await compared(whole(dtype, of(100, 101), 2), reference)).results).toMatchObject([{ nmse: 0 }]);
      expect((await compared(whole(dtype, of(100, 100), 2), reference)).results).toMatchObject([{ nmse: Infinity }]);
      expect((await compared(whole(dtype, of(100, 101), 2), float32([2], [100, 102]))).results[0].nmse).toBeLessThan(1);
    });

    test('integers that float64 would round are left out, as types that nobody reads are', async () => {
      const large = (value: bigint) => whole('int64', BigInt64Array.of(value), 1);
      const [a, b] = [2n ** 60n, 2n ** 60n + 1n].map(large);
      expect(await compared(a, b)).toMatchObject({ results: [], unmeasured: ['x'] });
      const file = writeSafetensors(new Map([['x', whole('uint8', Uint8Array.of(1, 2), 2)]]));
      const odd = await open(Buffer.from(Buffer.from(file).toString('latin1').replace('"U8"', '"F4"'), 'latin1'));
      expect(await compareTraces(odd, odd)).toMatchObject({ results: [], unmeasured: ['x'] });
    });
  });

  test('an order that is none is ignored', async () => {
    for (const order of ['', '{', '3', '[[[]]]', '["b","a"]']) {
      const file = await trace({ a: float32([1], [1]), b: float32([1], [1]) }, { order });
      const { results } = await compareTraces(file, file);
      expect(results.map(({ name }) => name)).toEqual(order.startsWith('["b') ? ['b', 'a'] : ['a', 'b']);
    }
  });

  test('nothing in common, and a name that commands the terminal, are typed errors', async () => {
    await expect(
      compareTraces(await trace({ a: float32([1], [1]) }), await trace({ b: float32([1], [1]) })),
    ).rejects.toThrow(CheckpointError);
    const odd = await trace({ '\x1b[2J': float32([1], [1]) });
    await expect(compareTraces(odd, odd)).rejects.toThrow(/"\\u001b\[2J" \[1\] cannot be measured/);
  });

  test('damaged files are refused with typed errors, or measured', async () => {
    const tensors = {
      'transformer.h.0': float32([1, 3, 2], [1, 2, 3, 4, 5, 6]),
      logits: float32([1, 1, 4], [1, 2, 3, 4]),
    };
    const sound = writeSafetensors(new Map(Object.entries(tensors)), { order: '["logits"]' });
    const reference = await open(sound);
    await fc.assert(
      fc.asyncProperty(
        fc.nat(sound.length - 1),
        fc.integer({ min: 0, max: 255 }),
        fc.nat(sound.length),
        async (at, byte, length) => {
          const bytes = sound.slice(0, Math.max(length, at + 1));
          bytes[at] = byte;
          try {
            const { results } = await compareTraces(await open(bytes), reference);
            for (const { nmse } of results) expect(nmse).toBeGreaterThanOrEqual(0);
          } catch (error) {
            expect(error).toBeInstanceOf(CheckpointError);
          }
        },
      ),
      { numRuns: 300 },
    );
  });
});

describe('goldens that do not fit their model', () => {
  const inputs = {
    'input.ids': { dtype: 'int32', shape: [1, 1], data: Int32Array.of(5) } as HostTensor,
    'input.pixels': float32([0, 3, 84, 84], []),
  };
  const golden = (more: Record<string, HostTensor>) =>
    openGolden(memorySource(writeSafetensors(new Map(Object.entries({ ...inputs, ...more }))), 'odd'));
  let device: Device;
  let opened: OpenedCase;
  let model: Model;
  beforeAll(async () => {
    device = (await openDevice('cpu', 1)).device;
    opened = await openCase(CASES[0]);
    model = loadModel(device, opened.checkpoint.config, opened.checkpoint.load);
  });
  afterAll(async () => {
    await device.queue.idle();
    freeModel(model);
    await closeDevice(device);
    await opened.close();
  });

  const ids = (...values: number[]): Record<string, HostTensor> => ({
    'input.ids': { dtype: 'int32', shape: [1, values.length], data: Int32Array.from(values) },
  });
  test.each([
    ['a token beyond the vocabulary', { ...ids(300) }, /token id 300/],
    ['a token that is none', { ...ids(-1) }, /no token id/],
    ['no tokens', { ...ids() }, /"input\.ids" is missing/],
    [
      'pictures without a place',
      { 'input.pixels': float32([1, 3, 84, 84], Array(3 * 84 * 84).fill(0)) },
      /1 pictures of 9 rows/,
    ],
    ['pictures of another size', { 'input.pixels': float32([1, 3, 2, 2], Array(12).fill(0)) }, /pictures of 2 pixels/],
    ['pictures that are none', { 'input.pixels': float32([4], [1, 2, 3, 4]) }, /input\.pixels is \[4\]/],
    ['an unknown activation', { 'transformer.h.9': float32([1], [1]) }, /"transformer\.h\.9"/],
    [
      'an activation of another size',
      { 'transformer.wte': float32([1, 1, 2], [1, 2]) },
      /"transformer\.wte" is \[1,1,2\], ours has 128/,
    ],
  ])('%s', async (_, more, says) => {
    const live = device.live.size;
    const comparing = golden(more as Record<string, HostTensor>).then((opened) => compareGolden(model, opened));
    await expect(comparing).rejects.toThrow(CheckpointError);
    await expect(comparing).rejects.toThrow(says);
    await device.queue.idle();
    expect(device.live.size).toBe(live);
  });
});
