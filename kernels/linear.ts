import { ShapeError } from '../tensor/error.ts';
import { launch, type Matrix, type Op, parallel, type Thread } from '../tensor/op.ts';
import { parseSignature } from '../tensor/signature.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { zero } from './zeros.ts';

/** Some rows of a weight that holds several layers one below the other. */
export interface Rows {
  readonly start: number;
  readonly count: number;
}

/**
 * `y = x · Wᵀ + b`, the layout in which PyTorch stores every linear layer.
 *
 * ```
 * dx = dy · W        dW = dyᵀ · x        db = Σ over the rows of dy
 * ```
 *
 * @param x `[N, K]`
 * @param weight `[R, K]`
 * @param bias `[R]`, left out for layers without one
 * @param rows which outputs to compute; all R by default
 * @returns `[N, M]`, M the number of those rows
 */
export function linear(x: Tensor, weight: Tensor, bias?: Tensor, rows?: Rows): Tensor {
  const { start, count } = within('linear', weight, rows);
  return launch(linearOp, [x, weight, bias], { start, M: count });
}

/**
 * `y = x · W`: the plain matrix product, for the one matrix (`visual.proj`) that the original does not transpose, and for what flows
 * back through every other.
 *
 * ```
 * dx = dy · Wᵀ       dW = xᵀ · dy
 * ```
 *
 * @param x `[N, K]`
 * @param weight `[R, M]`
 * @param rows which K rows of the weight; all R by default
 * @returns `[N, M]`
 */
export function matmul(x: Tensor, weight: Tensor, rows?: Rows): Tensor {
  const { start, count } = within('matmul', weight, rows);
  if (count !== x.shape[1]) {
    throw new ShapeError(
      `matmul: x is [${x.shape}], expected [N,${count}] for ${count} rows of a weight [${weight.shape}]`,
    );
  }
  return launch(matmulOp, [x, weight], { start });
}

/**
 * `y = aᵀ · b`, the gradient of a weight, in some rows of the result; 0 in the others.
 *
 * @param a `[N, M]`
 * @param b `[N, K]`
 * @param of the first of the M rows, and how many there are in all
 * @returns `[R, K]`
 */
export function weightGradient(a: Tensor, b: Tensor, of: { start: number; R: number }): Tensor {
  return launch(weightGradientOp, [a, b], of);
}

/**
 * `y = Σ x[n]` over the rows, the gradient of a bias: in some places of the result, 0 in the others.
 *
 * @param x `[N, M]`
 * @param of the first of the M places, and how many there are in all
 * @returns `[R]`
 */
export function biasGradient(x: Tensor, of: { start: number; R: number }): Tensor {
  return launch(biasGradientOp, [x], of);
}

function within(name: string, weight: Tensor, { start, count }: Rows = { start: 0, count: weight.shape[0] }): Rows {
  if (start >= 0 && start + count <= weight.shape[0]) return { start, count };
  throw new RangeError(`${name}: rows ${start} to ${start + count} of a weight with ${weight.shape[0]}`);
}

const linearOp: Op = {
  name: 'linear',
  signature: parseSignature('x[N,K], weight[R,K], bias[R]? -> y[N,M]'),
  cost: ({ N, K, M }, { inputs: [, , bias], weightBytes }) => ({
    operations: 2 * N * K * M,
    bytes: 4 * (N * K + N * M + (bias ? M : 0)) + weightBytes * M * K,
  }),
  kernels: (run, [x, weight, bias], { N, K, R, M, start }) =>
    run(rowByRow, [N, M], x, weight, bias ?? run(zero, [1, R]), K, start),
  gradient: (dy, { inputs: [x, weight], sizes: { start, M, R } }) => [
    () => matmul(dy, weight!, { start, count: M }),
    () => weightGradient(dy, x!, { start, R }),
    () => biasGradient(dy, { start, R }),
  ],
};

/** The sum runs in blocks of 32, so that rounding grows with K/32 additions and not with K. */
const rowByRow = parallel(function (this: Thread, x: Matrix, weight: Matrix, bias: Matrix, K: number, first: number) {
  const row = this.thread.y;
  const output = first + this.thread.x;
  let sum = 0;
  for (let start = 0; start < K; start += 32) {
    const end = Math.min(start + 32, K);
    let part = 0;
    for (let k = start; k < end; k += 1) {
      part += x[row][k] * weight[output][k];
    }
    sum += part;
  }
  return sum + bias[0][output];
});

const matmulOp: Op = {
  name: 'matmul',
  signature: parseSignature('x[N,K], weight[R,M] -> y[N,M]'),
  cost: ({ N, K, M }, { weightBytes }) => ({
    operations: 2 * N * K * M,
    bytes: 4 * (N * K + N * M) + weightBytes * K * M,
  }),
  kernels: (run, [x, weight], { N, K, M, start }) => run(rowByColumn, [N, M], x, weight, K, start),
  gradient: (dy, { inputs: [x, weight], sizes: { start, K, R } }) => [
    () => linear(dy, weight!, undefined, { start, count: K }),
    () => weightGradient(x!, dy, { start, R }),
  ],
};

const rowByColumn = parallel(function (this: Thread, x: Matrix, weight: Matrix, K: number, first: number) {
  const row = this.thread.y;
  const column = this.thread.x;
  let sum = 0;
  for (let start = 0; start < K; start += 32) {
    const end = Math.min(start + 32, K);
    let part = 0;
    for (let k = start; k < end; k += 1) {
      part += x[row][k] * weight[first + k][column];
    }
    sum += part;
  }
  return sum;
});

const weightGradientOp: Op = {
  name: 'weightGradient',
  signature: parseSignature('a[N,M], b[N,K] -> y[R,K]'),
  cost: ({ N, M, K, R }) => ({ operations: 2 * N * M * K, bytes: 4 * (N * M + N * K + R * K) }),
  kernels: (run, [a, b], { N, M, K, R, start }) => run(columnByColumn, [R, K], a, b, N, M, start),
};

const columnByColumn = parallel(function (this: Thread, a: Matrix, b: Matrix, N: number, M: number, first: number) {
  const column = this.thread.y - first;
  const other = this.thread.x;
  let sum = 0;
  if (column >= 0 && column < M) {
    for (let start = 0; start < N; start += 32) {
      const end = Math.min(start + 32, N);
      let part = 0;
      for (let n = start; n < end; n += 1) {
        part += a[n][column] * b[n][other];
      }
      sum += part;
    }
  }
  return sum;
});

const biasGradientOp: Op = {
  name: 'biasGradient',
  signature: parseSignature('x[N,M] -> y[R]'),
  cost: ({ N, M, R }) => ({ operations: N * M, bytes: 4 * (N * M + R) }),
  kernels: (run, [x], { N, M, R, start }) => run(downColumns, [1, R], x, N, M, start),
};

const downColumns = function (this: Thread, x: Matrix, N: number, M: number, first: number) {
  const column = this.thread.x - first;
  let sum = 0;
  if (column >= 0 && column < M) {
    for (let start = 0; start < N; start += 32) {
      const end = Math.min(start + 32, N);
      let part = 0;
      for (let n = start; n < end; n += 1) {
        part += x[n][column];
      }
      sum += part;
    }
  }
  return sum;
};
