import { launch, type Matrix, type Op, type Thread } from '../tensor/op.ts';
import { parseSignature } from '../tensor/signature.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { requireSeen, seenBy } from './span.ts';

/**
 * `y[j] = exp(x[j] − max) / Σ exp(x − max)` over the keys that a row sees, 0 over the rest. Subtracting the row's largest
 * element changes nothing in the quotient and keeps `exp` from overflowing.
 *
 * ```
 * dx = y ⊙ (dy − Σ y·dy)         it reads its output, not its input
 * ```
 *
 * @param x `[H·N, C]` scores, head by head
 * @param span `[N, 2]` int32: the first key row that each query row sees, and how many from there (none: zeros)
 * @returns `[H·N, C]`
 */
export function softmax(x: Tensor, span: Tensor): Tensor {
  return launch(softmaxOp, [span, x]);
}

/**
 * `dx[j] = y[j] · (dy[j] − Σ y·dy)` over the keys that a row sees, 0 over the rest: what flows back through `softmax`.
 *
 * @param y `[H·N, C]` probabilities, head by head
 * @param dy `[H·N, C]`
 * @param span `[N, 2]` int32
 * @returns `[H·N, C]`
 */
export function softmaxGradient(y: Tensor, dy: Tensor, span: Tensor): Tensor {
  return launch(softmaxGradientOp, [span, y, dy]);
}

/** Of a span only the counts matter. */
export const softmaxOp: Op = {
  name: 'softmax',
  signature: parseSignature('span[N,2]:i32, x[H*N,C] -> y[H*N,C]'),
  check: ({ C }, [span]) => requireSeen('softmax', span, C),
  cost({ H, N, C }, { inputs: [span] }) {
    const { pairs } = seenBy(span!, { pairs: N * C, keys: 0 });
    return { operations: 5 * H * pairs, bytes: 4 * (H * pairs + N + H * N * C) };
  },
  kernels(run, [span, x], { H, N, C }) {
    const rows = H * N;
    const largest = run(rowMaximum, [1, rows], x, span, N);
    const sum = run(rowSum, [1, rows], x, largest, span, N);
    return run(quotient, [rows, C], x, largest, sum, span, N);
  },
  gradient: (dy, { inputs: [span], output }) => [undefined, () => softmaxGradient(output, dy, span!)],
};

const rowMaximum = function (this: Thread, x: Matrix, span: Matrix, N: number) {
  const head = Math.floor((this.thread.x + 0.5) / N);
  const count = span[this.thread.x - head * N][1];
  let largest = x[this.thread.x][0];
  for (let j = 0; j < count; j++) {
    largest = Math.max(largest, x[this.thread.x][j]);
  }
  return largest;
};

const rowSum = function (this: Thread, x: Matrix, largest: Matrix, span: Matrix, N: number) {
  const head = Math.floor((this.thread.x + 0.5) / N);
  const count = span[this.thread.x - head * N][1];
  let sum = 0;
  for (let start = 0; start < count; start += 32) {
    const end = Math.min(start + 32, count);
    let part = 0;
    for (let j = start; j < end; j += 1) {
      part += Math.exp(x[this.thread.x][j] - largest[0][this.thread.x]);
    }
    sum += part;
  }
  return sum;
};

const quotient = function (this: Thread, x: Matrix, largest: Matrix, sum: Matrix, span: Matrix, N: number) {
  const head = Math.floor((this.thread.y + 0.5) / N);
  let probability = 0;
  if (this.thread.x < span[this.thread.y - head * N][1]) {
    probability = Math.exp(x[this.thread.y][this.thread.x] - largest[0][this.thread.y]) / sum[0][this.thread.y];
  }
  return probability;
};

export const softmaxGradientOp: Op = {
  name: 'softmaxGradient',
  signature: parseSignature('span[N,2]:i32, y[H*N,C], dy[H*N,C] -> dx[H*N,C]'),
  check: ({ C }, [span]) => requireSeen('softmaxGradient', span, C),
  cost({ H, N, C }, { inputs: [span] }) {
    const { pairs } = seenBy(span!, { pairs: N * C, keys: 0 });
    return { operations: 4 * H * pairs, bytes: 4 * (2 * H * pairs + N + H * N * C) };
  },
  kernels(run, [span, y, dy], { H, N, C }) {
    const dot = run(rowDot, [1, H * N], y, dy, span, N);
    return run(centre, [H * N, C], y, dy, dot, span, N);
  },
};

const rowDot = function (this: Thread, y: Matrix, dy: Matrix, span: Matrix, N: number) {
  const head = Math.floor((this.thread.x + 0.5) / N);
  const count = span[this.thread.x - head * N][1];
  let sum = 0;
  for (let start = 0; start < count; start += 32) {
    const end = Math.min(start + 32, count);
    let part = 0;
    for (let j = start; j < end; j += 1) {
      part += y[this.thread.x][j] * dy[this.thread.x][j];
    }
    sum += part;
  }
  return sum;
};

const centre = function (this: Thread, y: Matrix, dy: Matrix, dot: Matrix, span: Matrix, N: number) {
  const head = Math.floor((this.thread.y + 0.5) / N);
  let value = 0;
  if (this.thread.x < span[this.thread.y - head * N][1]) {
    value = y[this.thread.y][this.thread.x] * (dy[this.thread.y][this.thread.x] - dot[0][this.thread.y]);
  }
  return value;
};
