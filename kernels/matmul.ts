import { launch, type Matrix, type Op, type Thread } from '../tensor/op.ts';
import { parseSignature } from '../tensor/signature.ts';
import type { Tensor } from '../tensor/tensor.ts';

/**
 * `y = x · W`: the plain matrix product, for the one matrix (`visual.proj`) that the original does not transpose.
 *
 * @param x `[N, K]`
 * @param weight `[K, M]`
 * @returns `[N, M]`
 */
export function matmul(x: Tensor, weight: Tensor): Tensor {
  return launch(op, [x, weight]);
}

const op: Op = {
  name: 'matmul',
  signature: parseSignature('x[N,K], weight[K,M] -> y[N,M]'),
  cost: ({ N, K, M }, { weightBytes }) => ({
    operations: 2 * N * K * M,
    bytes: 4 * (N * K + N * M) + weightBytes * K * M,
  }),
  kernels: (run, [x, weight], { N, K, M }) => run(product, [N, M], x, weight, K),
};

/** Sums in blocks of 32, as in `linear`. */
const product = function (this: Thread, x: Matrix, weight: Matrix, K: number) {
  let sum = 0;
  for (let start = 0; start < K; start += 32) {
    const end = Math.min(start + 32, K);
    let part = 0;
    for (let k = start; k < end; k += 1) {
      part += x[this.thread.y][k] * weight[k][this.thread.x];
    }
    sum += part;
  }
  return sum;
};
