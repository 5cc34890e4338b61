import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { divide } from '../../kernels/scale.ts';
import { toDraw } from '../../src/checkpoint/procedural.ts';
import { openDevice } from '../../src/open-device.ts';
import { closeDevice, createDevice } from '../../tensor/device.ts';
import { widenBfloat16 } from '../../tensor/dtype.ts';
import { scope } from '../../tensor/scope.ts';
import { read, tensor } from '../../tensor/tensor.ts';
import { fakeDriver } from '../tensor/fake-driver.ts';

/** The elements as numbers, from the host alone. */
function expected(drawn: ReturnType<typeof toDraw>): Float32Array {
  const data = drawn.onHost();
  return data instanceof Uint16Array ? widenBfloat16(data) : Float32Array.from(data);
}

const bytes = (data: ArrayLike<number>) => new Uint8Array(Float32Array.from(data).buffer);

test.each([
  1, 3,
])('what %d threads draw in WebAssembly is what is drawn in JavaScript, neighbours included', async (threads) => {
  const { device } = await openDevice('simd', threads);
  const matrix = fc.record({
    name: fc.string({ maxLength: 9 }),
    rows: fc.integer({ min: 1, max: 9 }),
    columns: fc.oneof(fc.integer({ min: 1, max: 70 }), fc.integer({ min: 9000, max: 30_000 })),
    exponent: fc.integer({ min: 0, max: 20 }),
    bfloat16: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(matrix, { minLength: 1, maxLength: 5 }), async (list) => {
      const all = list.map(({ name, rows, columns, exponent, bfloat16 }) => ({
        shape: [rows, columns],
        drawn: toDraw(name, rows * columns, 2 ** -exponent, bfloat16),
      }));
      // Dividing by 1 makes float32 of them.
      const reads = scope(() => {
        const tensors = all.map(({ shape, drawn }) => tensor(device, () => drawn, shape));
        return { of: tensors.map((x) => read(divide(x, 1))) };
      }).of;
      for (const [i, found] of (await Promise.all(reads)).entries()) {
        expect(Buffer.compare(bytes(found), bytes(expected(all[i].drawn)))).toBe(0);
      }
    }),
    { numRuns: 60 },
  );
  await device.queue.idle();
  expect([device.live.size, device.memory.bytes]).toEqual([0, 0]);
  await closeDevice(device);
});

test('a driver that does not draw is given the elements', async () => {
  const device = createDevice(fakeDriver());
  const drawn = toDraw('a.weight', 35, 2 ** -5, false);
  const { of } = scope(() => ({ of: read(tensor(device, () => drawn, [5, 7])) }));
  expect(await of).toEqual(expected(drawn));
  await closeDevice(device);
});
