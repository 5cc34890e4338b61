import { afterAll, beforeAll, describe, expect } from 'vitest';
import { closeDevice, createDevice, type Device, type Driver, type HostData } from '../../tensor/device.ts';
import { elementCount } from '../../tensor/dtype.ts';
import { checkCase } from '../kernels/check.ts';
import { testCases } from '../kernels/test-cases.ts';
import type { OpName } from '../tolerances.ts';
import { guarded } from './guarded.ts';
import { runWork, twins } from './twins.ts';

/**
 * A device for tests alone: every operation starts in an empty memory, runs its twin over the whole range, then again in odd pieces
 * in odd order, and compares the bytes. It goes by the name of webasm, whose tolerances it has to keep.
 */
function twinDriver(memory = guarded()): Driver {
  return {
    name: 'webasm',
    description: 'SIMD twins',
    upload: (load) => load(),
    run(op, inputs, sizes, shape) {
      memory.clear();
      const addresses = inputs.map((input) => (input ? memory.put(input as HostData) : 0));
      const count = elementCount(shape);
      const [whole, pieces] = [memory.allocate(4 * count), memory.allocate(4 * count)];
      const twin = twins[op.name as OpName];

      const all = twin(addresses, whole, sizes, memory);
      runWork(memory.run, all, 0, all.units);
      const some = twin(addresses, pieces, sizes, memory);
      const cuts = [0, 1, 4, 9, 14, 27, 58].filter((cut) => cut < all.units);
      for (const [index, cut] of [...cuts.entries()].reverse()) {
        runWork(memory.run, some, cut, cuts[index + 1] ?? all.units);
      }
      expect(Buffer.compare(memory.bytes(pieces, 4 * count), memory.bytes(whole, 4 * count))).toBe(0);

      const bytes = memory.bytes(whole, 4 * count);
      memory.clear();
      return op.signature.output.dtype === 'int32' ? new Int32Array(bytes.buffer) : new Float32Array(bytes.buffer);
    },
    read: (storage) => (storage as Float32Array | Int32Array).slice(),
    free: () => undefined,
    close: () => undefined,
  };
}

describe('every SIMD twin equals the equations, writes nothing else, and does not care how its range is split', () => {
  let device: Device;
  beforeAll(() => {
    device = createDevice(twinDriver());
  });
  afterAll(() => closeDevice(device));

  testCases(40, (example) => checkCase(device, example));
});

describe('across 2 GiB, from where offsets are negative as int32, every SIMD twin equals the equations too', () => {
  let device: Device;
  beforeAll(() => {
    device = createDevice(twinDriver(guarded(false, 64, 2 ** 31 - 2048)));
  });
  afterAll(() => closeDevice(device));

  testCases(8, (example) => checkCase(device, example));
});
