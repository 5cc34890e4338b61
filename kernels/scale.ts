import { launch, type Matrix, type Op, type Thread } from '../tensor/op.ts';
import { parseSignature } from '../tensor/signature.ts';
import type { Tensor } from '../tensor/tensor.ts';

/**
 * `y = x / divisor`, element by element: the vision encoder divides its queries by √d before the scores. `dx = dy / divisor`.
 *
 * @param x `[N, D]`
 */
export function divide(x: Tensor, divisor: number): Tensor {
  return launch(divideOp, [x], { divisor });
}

/**
 * `y[i] = x[i] · factor[i]`, row by row: the decoder's log-n factors multiply the queries. `dx[i] = dy[i] · factor[i]`.
 *
 * @param x `[N, D]`
 * @param factor `[N]`
 */
export function scaleRows(x: Tensor, factor: Tensor): Tensor {
  return launch(scaleRowsOp, [x, factor]);
}

const divideOp: Op = {
  name: 'divide',
  signature: parseSignature('x[N,D] -> y[N,D]'),
  cost: ({ N, D }) => ({ operations: N * D }),
  kernels: (run, [x], { N, D, divisor }) => run(quotient, [N, D], x, divisor),
  gradient: (dy, { sizes: { divisor } }) => [() => divide(dy, divisor)],
};

const quotient = function (this: Thread, x: Matrix, divisor: number) {
  return x[this.thread.y][this.thread.x] / divisor;
};

const scaleRowsOp: Op = {
  name: 'scaleRows',
  signature: parseSignature('x[N,D], factor[N] -> y[N,D]'),
  cost: ({ N, D }) => ({ operations: N * D }),
  kernels: (run, [x, factor], { N, D }) => run(product, [N, D], x, factor),
  gradient: (dy, { inputs: [, factor] }) => [() => scaleRows(dy, factor!), undefined],
};

const product = function (this: Thread, x: Matrix, factor: Matrix) {
  return x[this.thread.y][this.thread.x] * factor[0][this.thread.y];
};
