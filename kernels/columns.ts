import { launch, type Matrix, type Op, type Thread } from '../tensor/op.ts';
import { parseSignature } from '../tensor/signature.ts';
import type { Tensor } from '../tensor/tensor.ts';

/**
 * Picks `groups` runs of `width` columns that begin at `start`, `start + stride`, …: takes the queries, keys or values out
 * of a projection that holds all three, whether they stand side by side or head by head.
 *
 * @param x `[N, C]`
 * @returns `[N, groups·width]`
 */
export function columns(
  x: Tensor,
  { start, width, stride = width, groups = 1 }: { start: number; width: number; stride?: number; groups?: number },
): Tensor {
  const end = start + (groups - 1) * stride + width;
  if (start < 0 || end > x.shape[1]) {
    throw new RangeError(`columns: ${start}…${end} of a tensor with ${x.shape[1]} columns`);
  }
  return launch(op, [x], { start, width, stride, groups });
}

const op: Op = {
  name: 'columns',
  signature: parseSignature('x[N,C] -> y[N,groups*width]'),
  cost: ({ N, groups, width }) => ({ operations: 0, bytes: 8 * N * groups * width }),
  kernels: (run, [x], { N, start, width, stride, groups }) => run(pick, [N, groups * width], x, start, width, stride),
};

const pick = function (this: Thread, x: Matrix, start: number, width: number, stride: number) {
  const group = Math.floor((this.thread.x + 0.5) / width);
  return x[this.thread.y][start + group * stride + (this.thread.x - group * width)];
};
