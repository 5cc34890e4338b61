import { launch, type Matrix, type Op, type Thread } from '../tensor/op.ts';
import { parseSignature } from '../tensor/signature.ts';
import type { Tensor } from '../tensor/tensor.ts';

/**
 * `y = x / √(mean(x²) + eps) · weight` over each row (Zhang and Sennrich 2019, arXiv 1910.07467, equation 4).
 *
 * @param x `[N, D]`
 * @param weight `[D]`
 */
export function rmsNorm(x: Tensor, weight: Tensor, eps: number): Tensor {
  return launch(op, [x, weight], { eps });
}

const op: Op = {
  name: 'rmsNorm',
  signature: parseSignature('x[N,D], weight[D] -> y[N,D]'),
  cost: ({ N, D }) => ({ operations: N * (4 * D + 4) }),
  kernels(run, [x, weight], { N, D, eps }) {
    const inverse = run(inverseRootMeanSquare, [1, N], x, D, eps);
    return run(normalize, [N, D], x, inverse, weight);
  },
};

const inverseRootMeanSquare = function (this: Thread, x: Matrix, D: number, eps: number) {
  let sum = 0;
  for (let start = 0; start < D; start += 32) {
    const end = Math.min(start + 32, D);
    let part = 0;
    for (let i = start; i < end; i += 1) {
      part += x[this.thread.x][i] * x[this.thread.x][i];
    }
    sum += part;
  }
  return 1 / Math.sqrt(sum / D + eps);
};

const normalize = function (this: Thread, x: Matrix, inverse: Matrix, weight: Matrix) {
  return x[this.thread.y][this.thread.x] * inverse[0][this.thread.y] * weight[0][this.thread.x];
};
