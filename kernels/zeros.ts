import type { Device } from '../tensor/device.ts';
import { launch, type Op, type Thread } from '../tensor/op.ts';
import { parseSignature } from '../tensor/signature.ts';
import type { Tensor } from '../tensor/tensor.ts';

/**
 * `y = 0`, made on the device: nothing is sent there.
 *
 * @returns `[N, D]`
 */
export function zeros(device: Device, [N, D]: readonly [number, number]): Tensor {
  return launch(op, [], { N, D }, device);
}

/** The kernel; it also stands in for the bias of a layer that has none. */
export const zero = function (this: Thread): number {
  return 0;
};

const op: Op = {
  name: 'zeros',
  signature: parseSignature('-> y[N,D]'),
  cost: () => ({ operations: 0 }),
  kernels: (run, _, { N, D }) => run(zero, [N, D]),
};
