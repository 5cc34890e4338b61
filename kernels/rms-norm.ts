import { launch, type Matrix, type Op, type Thread } from '../tensor/op.ts';
import { parseSignature } from '../tensor/signature.ts';
import type { Tensor } from '../tensor/tensor.ts';

/**
 * `y = x / √(mean(x²) + eps) · weight` over each row (Zhang and Sennrich 2019, arXiv 1910.07467, equation 4).
 *
 * ```
 * r = 1 / √(mean(x²) + eps)        g = dy · weight
 * dx = r · (g − x · r² · mean(g · x))        dweight = Σ dy · x · r over the rows
 * ```
 *
 * @param x `[N, D]`
 * @param weight `[D]`
 */
export function rmsNorm(x: Tensor, weight: Tensor, eps: number): Tensor {
  return launch(rmsNormOp, [x, weight], { eps });
}

/** `dx = r · (g − x · r² · mean(g · x))`: what flows back to x of `rmsNorm`; r and g as there. `[N, D]` */
export function rmsNormGradient(x: Tensor, weight: Tensor, dy: Tensor, eps: number): Tensor {
  return launch(rmsNormGradientOp, [x, weight, dy], { eps });
}

/** `dweight = Σ dy · x · r` over the rows: the gradient of the weight of `rmsNorm`; r as there. `[D]` */
export function rmsNormWeightGradient(x: Tensor, dy: Tensor, eps: number): Tensor {
  return launch(rmsNormWeightGradientOp, [x, dy], { eps });
}

const rmsNormOp: Op = {
  name: 'rmsNorm',
  signature: parseSignature('x[N,D], weight[D] -> y[N,D]'),
  cost: ({ N, D }) => ({ operations: N * (4 * D + 4) }),
  kernels(run, [x, weight], { N, D, eps }) {
    const inverse = run(inverseRootMeanSquare, [1, N], x, D, eps);
    return run(normalize, [N, D], x, inverse, weight);
  },
  gradient: (dy, { inputs: [x, weight], sizes: { eps } }) => [
    () => rmsNormGradient(x!, weight!, dy, eps),
    () => rmsNormWeightGradient(x!, dy, eps),
  ],
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

const rmsNormGradientOp: Op = {
  name: 'rmsNormGradient',
  signature: parseSignature('x[N,D], weight[D], dy[N,D] -> dx[N,D]'),
  cost: ({ N, D }) => ({ operations: N * (9 * D + 7) }),
  kernels(run, [x, weight, dy], { N, D, eps }) {
    const inverse = run(inverseRootMeanSquare, [1, N], x, D, eps);
    const slope = run(meanSlope, [1, N], x, inverse, weight, dy, D);
    return run(flowBack, [N, D], x, inverse, weight, dy, slope);
  },
};

const meanSlope = function (this: Thread, x: Matrix, inverse: Matrix, weight: Matrix, dy: Matrix, D: number) {
  let sum = 0;
  for (let start = 0; start < D; start += 32) {
    const end = Math.min(start + 32, D);
    let part = 0;
    for (let i = start; i < end; i += 1) {
      part += dy[this.thread.x][i] * weight[0][i] * x[this.thread.x][i];
    }
    sum += part;
  }
  return (sum / D) * inverse[0][this.thread.x] * inverse[0][this.thread.x];
};

const flowBack = function (this: Thread, x: Matrix, inverse: Matrix, weight: Matrix, dy: Matrix, slope: Matrix) {
  const g = dy[this.thread.y][this.thread.x] * weight[0][this.thread.x];
  return (g - x[this.thread.y][this.thread.x] * slope[0][this.thread.y]) * inverse[0][this.thread.y];
};

const rmsNormWeightGradientOp: Op = {
  name: 'rmsNormWeightGradient',
  signature: parseSignature('x[N,D], dy[N,D] -> y[D]'),
  cost: ({ N, D }) => ({ operations: N * (5 * D + 4) }),
  kernels(run, [x, dy], { N, D, eps }) {
    const inverse = run(inverseRootMeanSquare, [1, N], x, D, eps);
    return run(downRows, [1, D], x, inverse, dy, N);
  },
};

const downRows = function (this: Thread, x: Matrix, inverse: Matrix, dy: Matrix, N: number) {
  let sum = 0;
  for (let start = 0; start < N; start += 32) {
    const end = Math.min(start + 32, N);
    let part = 0;
    for (let n = start; n < end; n += 1) {
      part += dy[n][this.thread.x] * x[n][this.thread.x] * inverse[0][n];
    }
    sum += part;
  }
  return sum;
};
