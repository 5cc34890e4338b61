import { launch, type Matrix, type Op, type Thread } from '../tensor/op.ts';
import { parseSignature } from '../tensor/signature.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { biasGradient } from './linear.ts';

/**
 * `y = (x − mean) / √(variance + eps) · weight + bias` over each row, the variance without Bessel's correction
 * (Ba et al. 2016, arXiv 1607.06450, equation 4).
 *
 * ```
 * x̂ = (x − mean) / √(variance + eps)        g = dy · weight
 * dx = (g − mean(g) − x̂ · mean(g · x̂)) / √(variance + eps)
 * dweight = Σ dy · x̂ over the rows          dbias = Σ dy over the rows
 * ```
 *
 * @param x `[N, D]`
 * @param weight `[D]`
 * @param bias `[D]`
 */
export function layerNorm(x: Tensor, weight: Tensor, bias: Tensor, eps: number): Tensor {
  return launch(layerNormOp, [x, weight, bias], { eps });
}

/** `dx = (g − mean(g) − x̂ · mean(g · x̂)) / √(variance + eps)`: what flows back to x of `layerNorm`; g and x̂ as there. `[N, D]` */
export function layerNormGradient(x: Tensor, weight: Tensor, dy: Tensor, eps: number): Tensor {
  return launch(layerNormGradientOp, [x, weight, dy], { eps });
}

/** `dweight = Σ dy · x̂` over the rows: the gradient of the weight of `layerNorm`; x̂ as there. `[D]` */
export function layerNormWeightGradient(x: Tensor, dy: Tensor, eps: number): Tensor {
  return launch(layerNormWeightGradientOp, [x, dy], { eps });
}

/** What all elements of a row share is computed once a row, by kernels of their own. */
const layerNormOp: Op = {
  name: 'layerNorm',
  signature: parseSignature('x[N,D], weight[D], bias[D] -> y[N,D]'),
  cost: ({ N, D }) => ({ operations: N * (8 * D + 5) }),
  kernels(run, [x, weight, bias], { N, D, eps }) {
    const mean = run(rowMean, [1, N], x, D);
    const inverse = run(inverseDeviation, [1, N], x, mean, D, eps);
    return run(normalize, [N, D], x, mean, inverse, weight, bias);
  },
  gradient: (dy, { inputs: [x, weight], sizes: { D, eps } }) => [
    () => layerNormGradient(x!, weight!, dy, eps),
    () => layerNormWeightGradient(x!, dy, eps),
    () => biasGradient(dy, { start: 0, R: D }),
  ],
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

const layerNormGradientOp: Op = {
  name: 'layerNormGradient',
  signature: parseSignature('x[N,D], weight[D], dy[N,D] -> dx[N,D]'),
  cost: ({ N, D }) => ({ operations: N * (17 * D + 8) }),
  kernels(run, [x, weight, dy], { N, D, eps }) {
    const mean = run(rowMean, [1, N], x, D);
    const inverse = run(inverseDeviation, [1, N], x, mean, D, eps);
    const flow = run(meanFlow, [1, N], weight, dy, D);
    const slope = run(meanSlope, [1, N], x, mean, inverse, weight, dy, D);
    return run(flowBack, [N, D], x, mean, inverse, weight, dy, flow, slope);
  },
};

const meanFlow = function (this: Thread, weight: Matrix, dy: Matrix, D: number) {
  let sum = 0;
  for (let start = 0; start < D; start += 32) {
    const end = Math.min(start + 32, D);
    let part = 0;
    for (let i = start; i < end; i += 1) {
      part += dy[this.thread.x][i] * weight[0][i];
    }
    sum += part;
  }
  return sum / D;
};

const meanSlope = function (
  this: Thread,
  x: Matrix,
  mean: Matrix,
  inverse: Matrix,
  weight: Matrix,
  dy: Matrix,
  D: number,
) {
  let sum = 0;
  for (let start = 0; start < D; start += 32) {
    const end = Math.min(start + 32, D);
    let part = 0;
    for (let i = start; i < end; i += 1) {
      part += dy[this.thread.x][i] * weight[0][i] * (x[this.thread.x][i] - mean[0][this.thread.x]);
    }
    sum += part;
  }
  return (sum / D) * inverse[0][this.thread.x];
};

const flowBack = function (
  this: Thread,
  x: Matrix,
  mean: Matrix,
  inverse: Matrix,
  weight: Matrix,
  dy: Matrix,
  flow: Matrix,
  slope: Matrix,
) {
  const normal = (x[this.thread.y][this.thread.x] - mean[0][this.thread.y]) * inverse[0][this.thread.y];
  const g = dy[this.thread.y][this.thread.x] * weight[0][this.thread.x];
  return (g - flow[0][this.thread.y] - normal * slope[0][this.thread.y]) * inverse[0][this.thread.y];
};

const layerNormWeightGradientOp: Op = {
  name: 'layerNormWeightGradient',
  signature: parseSignature('x[N,D], dy[N,D] -> y[D]'),
  cost: ({ N, D }) => ({ operations: N * (8 * D + 5) }),
  kernels(run, [x, dy], { N, D, eps }) {
    const mean = run(rowMean, [1, N], x, D);
    const inverse = run(inverseDeviation, [1, N], x, mean, D, eps);
    return run(downRows, [1, D], x, mean, inverse, dy, N);
  },
};

const downRows = function (this: Thread, x: Matrix, mean: Matrix, inverse: Matrix, dy: Matrix, N: number) {
  let sum = 0;
  for (let start = 0; start < N; start += 32) {
    const end = Math.min(start + 32, N);
    let part = 0;
    for (let n = start; n < end; n += 1) {
      part += dy[n][this.thread.x] * (x[n][this.thread.x] - mean[0][n]) * inverse[0][n];
    }
    sum += part;
  }
  return sum;
};
