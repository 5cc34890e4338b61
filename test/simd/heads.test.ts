import * as fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { attention } from '../../kernels/attention.ts';
import { attentionScores, attentionValues } from '../../kernels/attention-products.ts';
import { softmax } from '../../kernels/softmax.ts';
import { groupSpan } from '../../src/model/attention.ts';
import { openDevice } from '../../src/open-device.ts';
import { closeDevice, type Device, type Launch } from '../../tensor/device.ts';
import { scope } from '../../tensor/scope.ts';
import { read, tensor } from '../../tensor/tensor.ts';
import { draw } from '../kernels/case.ts';

let device: Device;
let launched: Launch[] = [];
beforeAll(async () => {
  device = (await openDevice('simd', 2)).device;
  device.onLaunch = (launch) => {
    launch.kernels = []; // so it hears them
    launched.push(launch);
  };
});
afterAll(() => closeDevice(device));

test('of many queries heads are copied together, of few they are not: the bytes are those of scores, softmax and values', async () => {
  const sizes = fc.record({
    sequences: fc.integer({ min: 1, max: 3 }),
    queries: fc.integer({ min: 28, max: 70 }),
    H: fc.integer({ min: 1, max: 4 }),
    d: fc.integer({ min: 1, max: 40 }),
    seed: fc.nat(0xffff),
  });
  await fc.assert(
    fc.asyncProperty(sizes, async ({ sequences, queries, H, d, seed }) => {
      launched = [];
      const N = sequences * queries;
      const { floats } = draw(seed);
      const [q, k, v] = [0, 1, 2].map(() => floats([N, H * d]));
      const { whole, steps } = scope(() => {
        const [a, b, c] = [q, k, v].map(({ data, shape }) => tensor(device, data, shape));
        const span = tensor(device, groupSpan(sequences, queries, queries), [N, 2]);
        const options = { heads: H, mostKeys: queries, divisor: Math.sqrt(d) };
        const probabilities = softmax(attentionScores(a, b, span, options), span);
        return {
          whole: read(attention(a, b, c, span, options)),
          steps: read(attentionValues(probabilities, c, span)),
        };
      });
      expect(await whole).toEqual(await steps);
      const { kernels } = launched.find(({ op }) => op === 'attention')!;
      const copies = kernels!.filter(({ name }) => name === 'splitHeads');
      expect(copies).toHaveLength(queries < 32 ? 0 : 2);
    }),
    { numRuns: 40 },
  );
});
