import type { Matrix, Thread } from '../../tensor/op.ts';

/** Kernels that go back wrongly: each is the mistake itself, or spoils an input or a result of the right ones. */

export const weightedRows = function (this: Thread, dy: Matrix, first: number, before: number, after: number) {
  let weight = after;
  if (this.thread.y < first) {
    weight = before;
  }
  return dy[this.thread.y][0] * weight;
};

export const productOf = function (this: Thread, x: Matrix, y: Matrix) {
  return x[this.thread.y][this.thread.x] * y[this.thread.y][this.thread.x];
};

export const sumOfProducts = function (this: Thread, x: Matrix, dy: Matrix, N: number) {
  let sum = 0;
  for (let n = 0; n < N; n++) {
    sum += x[n][this.thread.x] * dy[n][this.thread.x];
  }
  return sum;
};

export const withoutProjection = function (
  this: Thread,
  x: Matrix,
  weight: Matrix,
  dy: Matrix,
  D: number,
  eps: number,
) {
  let squares = 0;
  for (let i = 0; i < D; i++) {
    squares += x[this.thread.y][i] * x[this.thread.y][i];
  }
  return (dy[this.thread.y][this.thread.x] * weight[0][this.thread.x]) / Math.sqrt(squares / D + eps);
};

/** Puts back what the right gradient subtracts: the mean of weight · dy over the deviation. */
export const withoutMean = function (
  this: Thread,
  dx: Matrix,
  x: Matrix,
  weight: Matrix,
  dy: Matrix,
  D: number,
  eps: number,
) {
  let mean = 0;
  let flow = 0;
  for (let i = 0; i < D; i++) {
    mean += x[this.thread.y][i] / D;
    flow += (weight[0][i] * dy[this.thread.y][i]) / D;
  }
  let variance = 0;
  for (let k = 0; k < D; k++) {
    variance += ((x[this.thread.y][k] - mean) * (x[this.thread.y][k] - mean)) / D;
  }
  return dx[this.thread.y][this.thread.x] + flow / Math.sqrt(variance + eps);
};

export const tanhSlope = function (this: Thread, x: Matrix, dy: Matrix) {
  const value = x[this.thread.y][this.thread.x];
  const inner = Math.sqrt(2 / Math.PI) * (value + 0.044715 * value * value * value);
  const t = Math.tanh(inner);
  const slope = Math.sqrt(2 / Math.PI) * (1 + 3 * 0.044715 * value * value);
  return dy[this.thread.y][this.thread.x] * (0.5 * (1 + t) + 0.5 * value * (1 - t * t) * slope);
};

export const sigmoidSlope = function (this: Thread, x: Matrix, gate: Matrix, dy: Matrix) {
  const product = dy[this.thread.y][this.thread.x] * x[this.thread.y][this.thread.x];
  return product / (1 + Math.exp(-gate[this.thread.y][this.thread.x]));
};

export const one = function (this: Thread, x: Matrix) {
  return x[this.thread.y][this.thread.x] * 0 + 1;
};

export const squareRoot = function (this: Thread, x: Matrix) {
  return Math.sqrt(x[this.thread.y][this.thread.x]);
};
