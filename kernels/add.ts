import { launch, type Matrix, type Op, type Thread } from '../tensor/op.ts';
import { parseSignature } from '../tensor/signature.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { zeros } from './zeros.ts';

/**
 * `y = x + a`, where the rows of `a` repeat when it has fewer: one position table serves several images.
 *
 * ```
 * dx = dy            da = the sum of dy's rows that one row of a was added to
 * ```
 *
 * @param x `[B·M, D]`
 * @param addend `[M, D]`
 * @returns `[B·M, D]`
 */
export function add(x: Tensor, addend: Tensor): Tensor {
  return launch(addOp, [addend, x]);
}

/**
 * `y[m] = Σᵦ x[b·M + m]`: rows that repeat, summed up.
 *
 * @param x `[B·M, D]`
 * @param M rows of the result
 * @returns `[M, D]`
 */
export function foldRows(x: Tensor, M: number): Tensor {
  return launch(foldRowsOp, [x], { M });
}

/** `y = a + b`, two tensors of one shape, which may be any: gradients from two sides. */
export function sum(a: Tensor, b: Tensor): Tensor {
  return launch(sumOp, [a, b]);
}

const addOp: Op = {
  name: 'add',
  signature: parseSignature('addend[M,D], x[B*M,D] -> y[B*M,D]'),
  cost: ({ B, M, D }) => ({ operations: B * M * D }),
  kernels: (run, [addend, x], { B, M, D }) => run(addRows, [B * M, D], x, addend, M),
  gradient: (dy, { sizes: { B, M } }) => [() => (B === 1 ? dy : foldRows(dy, M)), () => dy],
};

const addRows = function (this: Thread, x: Matrix, addend: Matrix, M: number) {
  const repeat = Math.floor((this.thread.y + 0.5) / M);
  return x[this.thread.y][this.thread.x] + addend[this.thread.y - repeat * M][this.thread.x];
};

const foldRowsOp: Op = {
  name: 'foldRows',
  signature: parseSignature('x[B*M,D] -> y[M,D]'),
  cost: ({ B, M, D }) => ({ operations: B * M * D }),
  kernels: (run, [x], { B, M, D }) => run(fold, [M, D], x, B, M),
  gradient(dy, { output: { device }, sizes: { B, M, D } }) {
    return [() => add(zeros(device, [B * M, D]), dy)];
  },
};

/** Sums in blocks of 32, as in `linear`. */
const fold = function (this: Thread, x: Matrix, B: number, M: number) {
  let total = 0;
  for (let start = 0; start < B; start += 32) {
    const end = Math.min(start + 32, B);
    let part = 0;
    for (let b = start; b < end; b += 1) {
      part += x[b * M + this.thread.y][this.thread.x];
    }
    total += part;
  }
  return total;
};

const sumOp: Op = {
  name: 'sum',
  signature: parseSignature('a[...], b[...] -> y[...]'),
  cost: ({ rows, columns }) => ({ operations: rows * columns }),
  kernels: (run, [a, b], { rows, columns }) => run(addElements, [rows, columns], a, b),
  gradient: (dy) => [() => dy, () => dy],
};

const addElements = function (this: Thread, a: Matrix, b: Matrix) {
  return a[this.thread.y][this.thread.x] + b[this.thread.y][this.thread.x];
};
