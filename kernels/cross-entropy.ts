import { launch, type Matrix, type Op, type Thread } from '../tensor/op.ts';
import { parseSignature } from '../tensor/signature.ts';
import type { Tensor } from '../tensor/tensor.ts';

/**
 * `loss[n] = log Σᵥ exp(z[n, v]) − z[n, label[n]]`: how surprising the label is, in nats, under the probabilities softmax(z[n]).
 *
 * ```
 * dz[n, v] = (softmax(z[n])[v] − [v = label[n]]) · dloss[n]
 * ```
 *
 * @param scores `[N, V]`
 * @param labels `[N]` int32, each in [0, V)
 * @returns `[N, 1]`
 */
export function crossEntropy(scores: Tensor, labels: Tensor): Tensor {
  return launch(crossEntropyOp, [scores, labels]);
}

/** `dz[n, v] = (softmax(z[n])[v] − [v = label[n]]) · dy[n]`: what flows back to the scores of `crossEntropy`. `[N, V]` */
export function crossEntropyGradient(scores: Tensor, labels: Tensor, dy: Tensor): Tensor {
  return launch(crossEntropyGradientOp, [scores, labels, dy]);
}

const crossEntropyOp: Op = {
  name: 'crossEntropy',
  signature: parseSignature('z[N,V], labels[N]:i32 -> loss[N,1]'),
  cost: ({ N, V }) => ({ operations: N * (4 * V + 3) }),
  kernels(run, [z, labels], { N, V }) {
    const largest = run(rowMaximum, [1, N], z, V);
    const sum = run(rowSum, [1, N], z, largest, V);
    return run(surprise, [N, 1], z, largest, sum, labels);
  },
  gradient: (dy, { inputs: [z, labels] }) => [() => crossEntropyGradient(z!, labels!, dy), undefined],
};

const rowMaximum = function (this: Thread, z: Matrix, V: number) {
  let largest = z[this.thread.x][0];
  for (let v = 0; v < V; v++) {
    largest = Math.max(largest, z[this.thread.x][v]);
  }
  return largest;
};

const rowSum = function (this: Thread, z: Matrix, largest: Matrix, V: number) {
  let sum = 0;
  for (let start = 0; start < V; start += 32) {
    const end = Math.min(start + 32, V);
    let part = 0;
    for (let v = start; v < end; v += 1) {
      part += Math.exp(z[this.thread.x][v] - largest[0][this.thread.x]);
    }
    sum += part;
  }
  return sum;
};

/** The difference of two scores first: both may be far larger than what they differ by. */
const surprise = function (this: Thread, z: Matrix, largest: Matrix, sum: Matrix, labels: Matrix) {
  const below = largest[0][this.thread.y] - z[this.thread.y][labels[0][this.thread.y]];
  return Math.log(sum[0][this.thread.y]) + below;
};

const crossEntropyGradientOp: Op = {
  name: 'crossEntropyGradient',
  signature: parseSignature('z[N,V], labels[N]:i32, dy[N,1] -> dz[N,V]'),
  cost: ({ N, V }) => ({ operations: N * (6 * V + 1) }),
  kernels(run, [z, labels, dy], { N, V }) {
    const largest = run(rowMaximum, [1, N], z, V);
    const sum = run(rowSum, [1, N], z, largest, V);
    return run(excess, [N, V], z, largest, sum, labels, dy);
  },
};

const excess = function (this: Thread, z: Matrix, largest: Matrix, sum: Matrix, labels: Matrix, dy: Matrix) {
  let probability = Math.exp(z[this.thread.y][this.thread.x] - largest[0][this.thread.y]) / sum[0][this.thread.y];
  if (this.thread.x === labels[0][this.thread.y]) {
    probability = probability - 1;
  }
  return probability * dy[this.thread.y][0];
};
