import { launch, type Matrix, type Op, type Thread } from '../tensor/op.ts';
import { parseSignature } from '../tensor/signature.ts';
import type { Tensor } from '../tensor/tensor.ts';

/**
 * `y = x + a`, where the rows of `a` repeat when it has fewer: one position table serves several images.
 *
 * @param x `[B·M, D]`
 * @param addend `[M, D]`
 * @returns `[B·M, D]`
 */
export function add(x: Tensor, addend: Tensor): Tensor {
  return launch(op, [addend, x]);
}

const op: Op = {
  name: 'add',
  signature: parseSignature('addend[M,D], x[B*M,D] -> y[B*M,D]'),
  cost: ({ B, M, D }) => ({ operations: B * M * D }),
  kernels: (run, [addend, x], { B, M, D }) => run(sum, [B * M, D], x, addend, M),
};

const sum = function (this: Thread, x: Matrix, addend: Matrix, M: number) {
  const repeat = Math.floor((this.thread.y + 0.5) / M);
  return x[this.thread.y][this.thread.x] + addend[this.thread.y - repeat * M][this.thread.x];
};
