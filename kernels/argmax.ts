import { launch, type Matrix, type Op, type Thread } from '../tensor/op.ts';
import { parseSignature } from '../tensor/signature.ts';
import type { Tensor } from '../tensor/tensor.ts';

/**
 * The index of each row's largest element, the first one where several are equal: greedy choice of the next token. −1 where an
 * element is NaN or infinite: then the row says nothing.
 *
 * @param x `[N, V]`
 * @returns `[N]` int32
 */
export function argmax(x: Tensor): Tensor {
  return launch(op, [x]);
}

const op: Op = {
  name: 'argmax',
  signature: parseSignature('x[N,V] -> index[N]:i32'),
  cost: ({ N, V }) => ({ operations: N * V }),
  kernels: (run, [x], { N, V }) => run(largest, [1, N], x, V, 1 / V),
};

const largest = function (this: Thread, x: Matrix, V: number, share: number) {
  let best = 0;
  let value = x[this.thread.x][0];
  // A mean is a number only if everything in it is. Shaders may take every element for one, so none is asked itself.
  let mean = value * share;
  for (let i = 1; i < V; i++) {
    const candidate = x[this.thread.x][i];
    mean += candidate * share;
    if (candidate > value) {
      value = candidate;
      best = i;
    }
  }
  return Math.abs(mean) < 3e38 ? best : -1;
};
