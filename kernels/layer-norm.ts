import { launch, type Matrix, type Op, type Thread } from '../tensor/op.ts';
import { parseSignature } from '../tensor/signature.ts';
import type { Tensor } from '../tensor/tensor.ts';

/**
 * `y = (x − mean) / √(variance + eps) · weight + bias` over each row, the variance without Bessel's correction
 * (Ba et al. 2016, arXiv 1607.06450, equation 4).
 *
 * @param x `[N, D]`
 * @param weight `[D]`
 * @param bias `[D]`
 */
export function layerNorm(x: Tensor, weight: Tensor, bias: Tensor, eps: number): Tensor {
  return launch(op, [x, weight, bias], { eps });
}

/** What all elements of a row share is computed once a row, by kernels of their own. */
const op: Op = {
  name: 'layerNorm',
  signature: parseSignature('x[N,D], weight[D], bias[D] -> y[N,D]'),
  cost: ({ N, D }) => ({ operations: N * (8 * D + 5) }),
  kernels(run, [x, weight, bias], { N, D, eps }) {
    const mean = run(rowMean, [1, N], x, D);
    const inverse = run(inverseDeviation, [1, N], x, mean, D, eps);
    return run(normalize, [N, D], x, mean, inverse, weight, bias);
  },
};

const rowMean = function (this: Thread, x: Matrix, D: number) {
  let sum = 0;
  for (let start = 0; start < D; start += 32) {
    const end = Math.min(start + 32, D);
    let part = 0;
    for (let i = start; i < end; i += 1) {
      part += x[this.thread.x][i];
    }
    sum += part;
  }
  return sum / D;
};

const inverseDeviation = function (this: Thread, x: Matrix, mean: Matrix, D: number, eps: number) {
  let sum = 0;
  for (let start = 0; start < D; start += 32) {
    const end = Math.min(start + 32, D);
    let part = 0;
    for (let i = start; i < end; i += 1) {
      const centred = x[this.thread.x][i] - mean[0][this.thread.x];
      part += centred * centred;
    }
    sum += part;
  }
  return 1 / Math.sqrt(sum / D + eps);
};

const normalize = function (this: Thread, x: Matrix, mean: Matrix, inverse: Matrix, weight: Matrix, bias: Matrix) {
  const centred = x[this.thread.y][this.thread.x] - mean[0][this.thread.y];
  return centred * inverse[0][this.thread.y] * weight[0][this.thread.x] + bias[0][this.thread.x];
};
