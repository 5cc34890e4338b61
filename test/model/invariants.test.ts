import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { rotary } from '../../kernels/rotary.ts';
import {
  createCache,
  decode,
  encodeImages,
  freeCache,
  freeModel,
  loadModel,
  logits,
  type Model,
} from '../../src/model/qwen-vl.ts';
import { rotaryRows, rotaryTable } from '../../src/model/rotary-table.ts';
import { openDevice } from '../../src/open-device.ts';
import { closeDevice, type Device, type HostData } from '../../tensor/device.ts';
import { scope } from '../../tensor/scope.ts';
import { withListener } from '../../tensor/tap.ts';
import { read, tensor } from '../../tensor/tensor.ts';
import { DEVICES } from '../devices.ts';
import { CASES, type OpenedCase, openCase } from '../golden/cases.ts';

/** What is equal in real numbers differs by rounding alone: a few hundred float32 steps of the largest logit, about 4. */
const ROUNDING = 2e-5;

const largestDifference = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  Array.from(a).reduce((largest, value, i) => Math.max(largest, Math.abs(value - b[i])), 0);

describe.each(DEVICES)('what must hold without goldens, on %s', (mode) => {
  let device: Device;
  let opened: OpenedCase;
  let model: Model;
  beforeAll(async () => {
    opened = await openCase(CASES[1]); // model-b: no NTK and no log-n, which depend on how a sequence is fed
    device = (await openDevice(mode, 2)).device;
    model = loadModel(device, opened.checkpoint.config, opened.checkpoint.load);
  });
  afterAll(async () => {
    freeModel(model);
    expect(device.live.size).toBe(0);
    await closeDevice(device);
    await opened.close();
  });

  const ids = Int32Array.from({ length: 12 }, (_, i) => (i * 37 + 5) % 180);

  /** Logits of every position when the ids are fed in pieces of these lengths. */
  async function scores(tokens: Int32Array, pieces: number[]): Promise<HostData[]> {
    const cache = createCache(model, 16);
    let start = 0;
    const reads = pieces.map((length) => {
      const piece = tokens.slice(start, start + length);
      start += length;
      return scope<{ of: Promise<HostData> }>(() => ({ of: read(logits(model, decode(model, piece, cache))) }));
    });
    freeCache(cache);
    return Promise.all(reads.map(({ of }) => of));
  }

  test.each([
    [[11, 1]],
    [[5, 7]],
    [[1, 4, 4, 3]],
  ])('fed in pieces of %j, a prompt has the logits of the whole', async (pieces) => {
    const [whole] = await scores(ids, [12]);
    const parts = (await scores(ids, pieces)).flatMap((part) => [...part]);
    expect(parts).toHaveLength(whole.length);
    expect(largestDifference(parts, whole)).toBeLessThan(ROUNDING);
  });

  test('activations are the same to the byte when nobody hears what is between', async () => {
    const unheard = await scores(ids, [9, 3]);
    const heard = withListener(
      () => undefined,
      () => ({ scores: scores(ids, [9, 3]) }),
    );
    expect(unheard).toEqual(await heard.scores);
  });

  test('no position sees what comes after it', async () => {
    const changed = ids.slice();
    changed[8] += 1;
    const [[before], [after]] = [await scores(ids, [12]), await scores(changed, [12])];
    const V = model.config.vocab_size;
    expect(after.subarray(0, 8 * V)).toEqual(before.subarray(0, 8 * V));
    expect(largestDifference(after.subarray(8 * V), before.subarray(8 * V))).toBeGreaterThan(1e-3);
  });

  test('attention probabilities sum to one, and later positions have none', async () => {
    const taken: Promise<HostData>[] = [];
    const cache = createCache(model, 16);
    withListener(
      (name, probabilities) => {
        if (name.endsWith('attn.attn_dropout')) taken.push(read(probabilities));
        return undefined;
      },
      () => scope<void>(() => void decode(model, ids, cache)),
    );
    freeCache(cache);
    expect(taken).toHaveLength(2);
    for (const probabilities of await Promise.all(taken)) {
      for (let row = 0; row * 12 < probabilities.length; row++) {
        const values = [...probabilities.subarray(row * 12, row * 12 + 12)];
        expect(values.reduce((a, b) => a + b)).toBeCloseTo(1, 5);
        expect(values.slice((row % 12) + 1).every((value) => value === 0)).toBe(true);
      }
    }
  });

  test('a cache that is full says so', () => {
    const cache = createCache(model, 13);
    scope<void>(() => void decode(model, ids, cache));
    const more = 'decode: 2 tokens from position 12 do not fit a cache of 13';
    expect(() => scope<void>(() => void decode(model, ids.slice(0, 2), cache))).toThrow(new RangeError(more));
    freeCache(cache);
  });

  test('rotary rows out of the kept table are those computed alone, whatever was asked before', () => {
    const heads = [4, 6, 64].flatMap((d) => [1, 3, 5, 7].map((alpha) => ({ d, base: 10000, alpha })));
    const asked = fc.record({
      start: fc.nat(300),
      length: fc.integer({ min: 1, max: 80 }),
      of: fc.constantFrom(...heads),
    });
    fc.assert(
      fc.property(fc.array(asked, { minLength: 1, maxLength: 8 }), (all) => {
        for (const { start, length, of } of all) {
          expect(rotaryRows(start, length, of)).toEqual(rotaryTable(start, length, of));
        }
      }),
      { numRuns: 30 },
    );
  });

  test('rotary turns vectors and keeps their length', async () => {
    const [N, heads, d] = [9, 3, 16];
    const x = Float32Array.from({ length: N * heads * d }, (_, i) => Math.sin(i * 7.3));
    const table = rotaryTable(1000, N, { d, base: 10000, alpha: 1 });
    const { of } = scope(() => {
      const [cos, sin] = [table.cos, table.sin].map((values) => tensor(device, values, [N, d]));
      return { of: read(rotary(tensor(device, x, [N, heads * d]), cos, sin)) };
    });
    const y = await of;
    const length = (values: ArrayLike<number>) => Math.hypot(...Array.from(values));
    for (let at = 0; at < y.length; at += d) {
      expect(length(y.subarray(at, at + d))).toBeCloseTo(length(x.subarray(at, at + d)), 5);
    }
    expect(largestDifference(x, y)).toBeGreaterThan(0.1);
  });

  test('images encoded together are images encoded alone', async () => {
    const { image_size: size } = model.config.visual;
    const images = [3, 5].map((step) => Float32Array.from({ length: 3 * size * size }, (_, i) => Math.sin(i * step)));
    const encode = (pixels: Float32Array) =>
      scope<{ of: Promise<HostData> }>(() => {
        const input = tensor(device, pixels, [pixels.length / size, size]);
        return { of: read(encodeImages(model, input)) };
      }).of;
    const [first, second] = [await encode(images[0]), await encode(images[1])];
    const together = await encode(Float32Array.from([...images[0], ...images[1]]));
    expect([...together]).toEqual([...first, ...second]);
  });
});
