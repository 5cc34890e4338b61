import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { linear } from '../../kernels/linear.ts';
import { createCache, freeCache } from '../../src/model/cache.ts';
import { decode, freeModel, loadModel, logits } from '../../src/model/qwen-vl.ts';
import { openDevice } from '../../src/open-device.ts';
import { closeDevice, type Device } from '../../tensor/device.ts';
import { roundToBfloat16, widenBfloat16 } from '../../tensor/dtype.ts';
import { DeviceError } from '../../tensor/error.ts';
import { scope } from '../../tensor/scope.ts';
import { createHeap } from '../../tensor/simd/heap.ts';
import { read, tensor } from '../../tensor/tensor.ts';
import { CASES, openCase } from '../golden/cases.ts';

const shared = (pages: number, most = 65_536) =>
  new WebAssembly.Memory({ initial: pages, maximum: most, shared: true });

describe('the heap', () => {
  test('never gives a place twice, and joins what is freed', () => {
    const steps = fc.array(fc.record({ bytes: fc.integer({ min: 1, max: 5000 }), free: fc.nat(20) }), {
      maxLength: 80,
    });
    fc.assert(
      fc.property(steps, (list) => {
        const heap = createHeap(shared(1), 65_536);
        const held: { offset: number; bytes: number }[] = [];
        for (const { bytes, free } of list) {
          if (free < held.length) heap.free(held.splice(free, 1)[0].offset);
          const offset = heap.allocate(bytes);
          expect(offset).toBeGreaterThan(0);
          expect(offset % 64).toBe(0);
          expect(offset + bytes + 32).toBeLessThanOrEqual(heap.memory.buffer.byteLength); // kernels read so far beyond
          for (const other of held) {
            expect(offset + bytes <= other.offset || other.offset + other.bytes <= offset).toBe(true);
          }
          held.push({ offset, bytes });
        }
        for (const { offset } of held) heap.free(offset);
        expect(heap.used).toBe(0);
        const before = heap.memory.buffer.byteLength;
        heap.allocate(Math.max(1, before - 128)); // all that is free is one place again
        expect(heap.memory.buffer.byteLength).toBe(before);
      }),
    );
  });

  test('ends with an error that says what to do', () => {
    const heap = createHeap(shared(1, 4), 4);
    expect(() => heap.allocate(1e6)).toThrow(DeviceError);
    expect(() => createHeap(shared(1), 65_536).allocate(5e9)).toThrow('do not fit 4 GiB; give less --memory');
    expect(() => heap.free(64)).toThrow(RangeError);
  });
});

describe('results', () => {
  const ids = Int32Array.from({ length: 60 }, (_, i) => (i * 37 + 5) % 180);

  test('are the same bytes for any number of threads', async () => {
    const opened = await openCase(CASES[0]);
    const results = [];
    for (const threads of [1, 2, 3]) {
      const { device } = await openDevice('simd', threads);
      const model = loadModel(device, opened.checkpoint.config, opened.checkpoint.load);
      const cache = createCache(model, ids.length);
      const { scores } = scope(() => ({ scores: read(logits(model, decode(model, ids, cache))) }));
      freeCache(cache);
      results.push(await scores);
      freeModel(model);
      await closeDevice(device);
    }
    expect(results[1]).toEqual(results[0]);
    expect(results[2]).toEqual(results[0]);
    await opened.close();
  });

  describe('with weights in bfloat16', () => {
    let device: Device;
    beforeAll(async () => {
      device = (await openDevice('simd', 2)).device;
    });
    afterAll(() => closeDevice(device));

    test('are those of the same weights in float32, parts of a weight included', () =>
      fc.assert(
        fc.asyncProperty(
          fc.record({
            // Many rows have their weights widened by panels, each thread in a place of its own.
            N: fc.oneof(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 20, max: 140 })),
            K: fc.integer({ min: 1, max: 300 }),
            R: fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 200, max: 600 })),
          }),
          fc.nat(),
          async ({ N, K, R }, seed) => {
            const wave = (count: number, step: number) =>
              Float32Array.from({ length: count }, (_, i) => Math.sin(i * step));
            const bits = roundToBfloat16(wave(R * K, 1.3 + (seed % 7)));
            const start = seed % R;
            const count = 1 + (seed % (R - start));
            const of = (weight: Float32Array | Uint16Array) =>
              scope(() => {
                const y = linear(
                  tensor(device, wave(N * K, 0.7), [N, K]),
                  tensor(device, weight, [R, K]),
                  tensor(device, wave(R, 2.1), [R]),
                  { start, count },
                );
                return { data: read(y) };
              }).data;
            expect(await of(bits)).toEqual(await of(widenBfloat16(bits)));
            await device.queue.idle();
            expect([device.live.size, device.memory.bytes]).toEqual([0, 0]);
          },
        ),
        { numRuns: 60 },
      ));
  });
});
