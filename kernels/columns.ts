import { launch, type Matrix, type Op, type Thread } from '../tensor/op.ts';
import { parseSignature } from '../tensor/signature.ts';
import { way } from '../tensor/tape.ts';
import { free, type Tensor } from '../tensor/tensor.ts';

export interface Columns {
  readonly start: number;
  readonly width: number;
  readonly stride?: number;
  readonly groups?: number;
}

/**
 * Picks `groups` runs of `width` columns that begin at `start`, `start + stride`, …: takes the queries, keys or values out
 * of a projection that holds all three, whether they stand side by side or head by head.
 *
 * ```
 * dx = dy in the columns that were picked, 0 in the others
 * ```
 *
 * @param x `[N, C]`
 * @returns `[N, groups·width]`
 */
export function columns(x: Tensor, { start, width, stride = width, groups = 1 }: Columns): Tensor {
  const end = start + (groups - 1) * stride + width;
  if (start < 0 || end > x.shape[1]) {
    throw new RangeError(`columns: ${start}…${end} of a tensor with ${x.shape[1]} columns`);
  }
  return launch(columnsOp, [x], { start, width, stride, groups });
}

/**
 * Puts columns to where `columns` picked them from, 0 in the others: what flows back through it.
 *
 * @param x `[N, groups·width]`
 * @param C columns of the result, 0 where none was picked
 * @returns `[N, C]`
 */
export function placeColumns(x: Tensor, C: number, { start, width, stride = width, groups = 1 }: Columns): Tensor {
  return launch(placeColumnsOp, [x], { C, start, width, stride, groups });
}

/**
 * Adds columns to where `columns` picked them from: what flows back through it where others of the same tensor were picked too. Like a
 * cache by `append`, `onto` is consumed.
 *
 * @param onto `[N, C]`
 * @param x `[N, groups·width]`
 * @returns `[N, C]`
 */
export function addColumns(onto: Tensor, x: Tensor, { start, width, stride = width, groups = 1 }: Columns): Tensor {
  const added = launch(addColumnsOp, [onto, x], { start, width, stride, groups });
  free(onto, 'addColumns');
  return added;
}

const columnsOp: Op = {
  name: 'columns',
  signature: parseSignature('x[N,C] -> y[N,groups*width]'),
  cost: ({ N, groups, width }) => ({ operations: 0, bytes: 8 * N * groups * width }),
  kernels: (run, [x], { N, start, width, stride, groups }) => run(pick, [N, groups * width], x, start, width, stride),
  gradient: (dy, { sizes: { C, start, width, stride, groups } }) => [
    way(
      () => placeColumns(dy, C, { start, width, stride, groups }),
      (before) => addColumns(before, dy, { start, width, stride, groups }),
    ),
  ],
};

const pick = function (this: Thread, x: Matrix, start: number, width: number, stride: number) {
  const group = Math.floor((this.thread.x + 0.5) / width);
  return x[this.thread.y][start + group * stride + (this.thread.x - group * width)];
};

const placeColumnsOp: Op = {
  name: 'placeColumns',
  signature: parseSignature('x[N,groups*width] -> y[N,C]'),
  cost: ({ N, groups, width, C }) => ({ operations: 0, bytes: 4 * N * (groups * width + C) }),
  kernels: (run, [x], { N, C, start, width, stride, groups }) => run(place, [N, C], x, start, width, stride, groups),
};

const place = function (this: Thread, x: Matrix, start: number, width: number, stride: number, groups: number) {
  const group = Math.floor((this.thread.x - start + 0.5) / stride);
  const column = this.thread.x - start - group * stride;
  let value = 0;
  if (group >= 0 && group < groups && column < width) {
    value = x[this.thread.y][group * width + column];
  }
  return value;
};

const addColumnsOp: Op = {
  name: 'addColumns',
  signature: parseSignature('onto[N,C], x[N,groups*width] -> y[N,C]'),
  cost: ({ N, groups, width }) => ({ operations: N * groups * width, bytes: 12 * N * groups * width }),
  kernels: (run, [onto, x], { N, C, start, width, stride, groups }) =>
    run(addPlaced, [N, C], onto, x, start, width, stride, groups),
};

const addPlaced = function (
  this: Thread,
  onto: Matrix,
  x: Matrix,
  start: number,
  width: number,
  stride: number,
  groups: number,
) {
  const group = Math.floor((this.thread.x - start + 0.5) / stride);
  const column = this.thread.x - start - group * stride;
  let value = onto[this.thread.y][this.thread.x];
  if (group >= 0 && group < groups && column < width) {
    value += x[this.thread.y][group * width + column];
  }
  return value;
};
