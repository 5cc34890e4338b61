import { launch, type Matrix, type Op, type Thread } from '../tensor/op.ts';
import { parseSignature } from '../tensor/signature.ts';
import type { Tensor } from '../tensor/tensor.ts';

/**
 * Adam with decoupled weight decay (Loshchilov and Hutter 2017, arXiv 1711.05101, algorithm 2, lines 6 to 12; Kingma and Ba 2014, arXiv
 * 1412.6980), in the three updates of one step s, g the gradient, f the factor that clips it:
 *
 * ```
 * m ← β₁·m + (1 − β₁)·f·g
 * v ← β₂·v + (1 − β₂)·(f·g)²
 * w ← w·(1 − rate·decay) − rate · (m / (1 − β₁ˢ)) / (√(v / (1 − β₂ˢ)) + eps)
 * ```
 *
 * They are operations like any other: each makes a new tensor. What is left to 1 is a difference of float64, computed on the host.
 */

/** `m ← β₁·m + (1 − β₁)·f·g`: the mean of gradients, the first of the three. */
export function firstMoment(m: Tensor, gradient: Tensor, factor: Tensor, beta: number): Tensor {
  return launch(firstMomentOp, [m, gradient, factor], { beta, rest: 1 - beta });
}

/** `v ← β₂·v + (1 − β₂)·(f·g)²`: the mean of their squares, the second. */
export function secondMoment(v: Tensor, gradient: Tensor, factor: Tensor, beta: number): Tensor {
  return launch(secondMomentOp, [v, gradient, factor], { beta, rest: 1 - beta });
}

/**
 * `w ← w·(1 − rate·decay) − rate · (m / (1 − β₁ˢ)) / (√(v / (1 − β₂ˢ)) + eps)`: the weight itself, the third.
 *
 * @param of.step s, counted from 1
 */
export function adamStep(
  weight: Tensor,
  m: Tensor,
  v: Tensor,
  of: { rate: number; decay: number; step: number; beta1: number; beta2: number; eps: number },
): Tensor {
  const { rate, decay, step, beta1, beta2, eps } = of;
  const given = { keep: 1 - rate * decay, rate: rate / (1 - beta1 ** step), correction: 1 - beta2 ** step, eps };
  return launch(adamStepOp, [weight, m, v], given);
}

/** `Σ x²` over all elements, for the norm of all gradients together. `[1, 1]` */
export function sumOfSquares(x: Tensor): Tensor {
  return launch(sumOfSquaresOp, [x]);
}

/**
 * `f = min(1, most / (√squares + 1e-6))`: what gradients are multiplied by so that their norm is at most `most` (Pascanu et al. 2012,
 * arXiv 1211.5063, algorithm 1, with PyTorch's 1e-6). `[1, 1]`
 *
 * @param squares `[1, 1]`, the sum of the squares of all of them
 */
export function clipFactor(squares: Tensor, most: number): Tensor {
  return launch(clipFactorOp, [squares], { most });
}

const firstMomentOp: Op = {
  name: 'firstMoment',
  signature: parseSignature('m[...], gradient[...], factor[1,1] -> y[...]'),
  cost: ({ rows, columns }) => ({ operations: 4 * rows * columns }),
  kernels: (run, [m, gradient, factor], { rows, columns, beta, rest }) =>
    run(mix, [rows, columns], m, gradient, factor, beta, rest),
};

const mix = function (this: Thread, m: Matrix, gradient: Matrix, factor: Matrix, beta: number, rest: number) {
  const g = gradient[this.thread.y][this.thread.x] * factor[0][0];
  return beta * m[this.thread.y][this.thread.x] + rest * g;
};

const secondMomentOp: Op = {
  name: 'secondMoment',
  signature: parseSignature('v[...], gradient[...], factor[1,1] -> y[...]'),
  cost: ({ rows, columns }) => ({ operations: 5 * rows * columns }),
  kernels: (run, [v, gradient, factor], { rows, columns, beta, rest }) =>
    run(mixSquares, [rows, columns], v, gradient, factor, beta, rest),
};

const mixSquares = function (this: Thread, v: Matrix, gradient: Matrix, factor: Matrix, beta: number, rest: number) {
  const g = gradient[this.thread.y][this.thread.x] * factor[0][0];
  return beta * v[this.thread.y][this.thread.x] + rest * (g * g);
};

const adamStepOp: Op = {
  name: 'adamStep',
  signature: parseSignature('weight[...], m[...], v[...] -> y[...]'),
  cost: ({ rows, columns }) => ({ operations: 7 * rows * columns }),
  kernels: (run, [weight, m, v], { rows, columns, keep, rate, correction, eps }) =>
    run(update, [rows, columns], weight, m, v, keep, rate, correction, eps),
};

const update = function (
  this: Thread,
  weight: Matrix,
  m: Matrix,
  v: Matrix,
  keep: number,
  rate: number,
  correction: number,
  eps: number,
) {
  const scale = Math.sqrt(v[this.thread.y][this.thread.x] / correction) + eps;
  return weight[this.thread.y][this.thread.x] * keep - (rate * m[this.thread.y][this.thread.x]) / scale;
};

const sumOfSquaresOp: Op = {
  name: 'sumOfSquares',
  signature: parseSignature('x[...] -> y[1,1]'),
  cost: ({ rows, columns }) => ({ operations: 2 * rows * columns }),
  kernels(run, [x], { rows, columns }) {
    const lines = run(squaresOfRow, [1, rows], x, columns);
    return run(total, [1, 1], lines, rows);
  },
};

/** Sums in blocks of 32, as in `linear`. */
const squaresOfRow = function (this: Thread, x: Matrix, columns: number) {
  let sum = 0;
  for (let start = 0; start < columns; start += 32) {
    const end = Math.min(start + 32, columns);
    let part = 0;
    for (let i = start; i < end; i += 1) {
      part += x[this.thread.x][i] * x[this.thread.x][i];
    }
    sum += part;
  }
  return sum;
};

const total = function (this: Thread, lines: Matrix, rows: number) {
  let sum = 0;
  for (let start = 0; start < rows; start += 32) {
    const end = Math.min(start + 32, rows);
    let part = 0;
    for (let i = start; i < end; i += 1) {
      part += lines[0][i];
    }
    sum += part;
  }
  return sum;
};

const clipFactorOp: Op = {
  name: 'clipFactor',
  signature: parseSignature('squares[1,1] -> y[1,1]'),
  cost: () => ({ operations: 4 }),
  kernels: (run, [squares], { most }) => run(clip, [1, 1], squares, most),
};

const clip = function (this: Thread, squares: Matrix, most: number) {
  return Math.min(1, most / (Math.sqrt(squares[0][0]) + 1e-6));
};
