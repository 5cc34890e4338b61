import fc from 'fast-check';
import { expect, test } from 'vitest';
import { argmax } from '../../kernels/argmax.ts';
import { openDevice } from '../../src/open-device.ts';
import { closeDevice } from '../../tensor/device.ts';
import { scope } from '../../tensor/scope.ts';
import { read, tensor } from '../../tensor/tensor.ts';

/** So many that threads share the rows. */
const [N, V] = [64, 8192];

/** Columns that are equally large, and whether that is zero, of either sign. */
const ties = fc.record({
  columns: fc.uniqueArray(fc.nat(V - 1), { minLength: 1, maxLength: 4 }),
  zero: fc.boolean(),
});

test.each([
  ['simd', 1],
  ['simd', 2],
  ['simd', 3],
  ['cpu', 1],
  ['webasm', 2],
] as const)('of equals the first is taken, in every row of a batch, on %s with %d threads', async (name, threads) => {
  const { device } = await openDevice(name, threads);
  await fc.assert(
    fc.asyncProperty(fc.array(ties, { minLength: 8, maxLength: 8 }), async (patterns) => {
      const x = new Float32Array(N * V).fill(-1);
      const expected = Int32Array.from({ length: N }, (_, row) => {
        const { columns, zero } = patterns[row % patterns.length];
        for (const [i, column] of columns.entries()) x[row * V + column] = zero ? (i % 2 === 0 ? -0 : 0) : 1.5;
        return Math.min(...columns);
      });
      const { data } = scope(() => ({ data: read(argmax(tensor(device, x, [N, V]))) }));
      expect(await data).toEqual(expected);
    }),
    { numRuns: 4 },
  );
  await closeDevice(device);
});
