import type { Driver, HostData } from '../../tensor/device.ts';
import { launch, type Op } from '../../tensor/op.ts';
import { parseSignature } from '../../tensor/signature.ts';
import type { Tensor } from '../../tensor/tensor.ts';

/** A driver that writes down what it is asked to do. Its storages are host arrays; an operation's result is filled with 7. */
export function fakeDriver(overrides: Partial<Driver> = {}): Driver & { readonly log: string[] } {
  const log: string[] = [];
  const size = (shape: readonly number[]) => shape.reduce((product, length) => product * length, 1);
  return {
    log,
    name: 'fake',
    description: 'a driver for tests',
    async upload(load, shape) {
      log.push(`upload ${shape}`);
      const data = await load();
      return data instanceof Int32Array ? data.slice() : Float32Array.from(data);
    },
    run(op, _inputs, _sizes, shape) {
      log.push(`run ${op.name} ${shape}`);
      return new Float32Array(size(shape)).fill(7);
    },
    read(storage, shape, dtype) {
      log.push(`read ${shape}`);
      return dtype === 'int32' ? Int32Array.from(storage as HostData) : Float32Array.from(storage as HostData);
    },
    free: (storage) => void log.push(`free ${(storage as HostData).length}`),
    close: () => void log.push('close'),
    ...overrides,
  };
}

/** An operation for drivers that do not look at kernels. */
export const opOf = (name: string, signature = 'x[N,D] -> y[N,D]'): Op => ({
  name,
  signature: parseSignature(signature),
  cost: ({ N, D }) => ({ operations: N * D }),
  kernels() {
    throw new Error(`${name} has no kernels`);
  },
});

export const apply = (name: string, x: Tensor): Tensor => launch(opOf(name), [x]);

/** A promise, and its resolution. */
export function gate(): { readonly opened: Promise<void>; open(): void } {
  let open!: () => void;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}
