import { launch, type Matrix, type Op, parallel, type Thread } from '../tensor/op.ts';
import { parseSignature } from '../tensor/signature.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { zero } from './zeros.ts';

/**
 * `y = x · Wᵀ + b`, the layout in which PyTorch stores every linear layer.
 *
 * @param x `[N, K]`
 * @param weight `[R, K]`
 * @param bias `[R]`, left out for layers without one
 * @param rows which outputs to compute, for weights that hold several layers one below the other; all R by default
 * @returns `[N, M]`, M the number of those rows
 */
export function linear(x: Tensor, weight: Tensor, bias?: Tensor, rows?: { start: number; count: number }): Tensor {
  const { start, count } = rows ?? { start: 0, count: weight.shape[0] };
  if (start < 0 || start + count > weight.shape[0]) {
    throw new RangeError(`linear: rows ${start} to ${start + count} of a weight with ${weight.shape[0]}`);
  }
  return launch(op, [x, weight, bias], { start, M: count });
}

const op: Op = {
  name: 'linear',
  signature: parseSignature('x[N,K], weight[R,K], bias[R]? -> y[N,M]'),
  cost: ({ N, K, M }, { inputs: [, , bias], weightBytes }) => ({
    operations: 2 * N * K * M,
    bytes: 4 * (N * K + N * M + (bias ? M : 0)) + weightBytes * M * K,
  }),
  kernels: (run, [x, weight, bias], { N, K, R, M, start }) =>
    run(product, [N, M], x, weight, bias ?? run(zero, [1, R]), K, start),
};

/** The sum runs in blocks of 32, so that rounding grows with K/32 additions and not with K. */
const product = parallel(function (this: Thread, x: Matrix, weight: Matrix, bias: Matrix, K: number, first: number) {
  let sum = 0;
  for (let start = 0; start < K; start += 32) {
    const end = Math.min(start + 32, K);
    let part = 0;
    for (let k = start; k < end; k += 1) {
      part += x[this.thread.y][k] * weight[first + this.thread.x][k];
    }
    sum += part;
  }
  return sum + bias[0][first + this.thread.x];
});
