import { launch, type Matrix, type Op, type Thread } from '../tensor/op.ts';
import { parseSignature } from '../tensor/signature.ts';
import { free, type Tensor } from '../tensor/tensor.ts';

/**
 * Writes rows into a cache of fixed capacity, from row `start` on. The one exception to immutability: the old cache is
 * consumed, so that a device may write in place; touching it afterwards is a use-after-free error.
 *
 * @param cache `[M, D]`
 * @param rows `[N, D]`, start + N at most M
 * @returns `[M, D]`
 */
export function append(cache: Tensor, rows: Tensor, start: number): Tensor {
  const capacity = cache.shape[0];
  if (!(Number.isSafeInteger(start) && start >= 0 && start + rows.shape[0] <= capacity)) {
    throw new RangeError(`append: ${rows.shape[0]} rows from row ${start} do not fit a cache of ${capacity}`);
  }
  const appended = launch(op, [cache, rows], { start });
  free(cache, 'append');
  return appended;
}

const op: Op = {
  name: 'append',
  signature: parseSignature('cache[M,D], rows[N,D] -> y[M,D]'),
  cost: ({ N, D }) => ({ operations: 0, bytes: 8 * N * D }),
  kernels: (run, [cache, rows], { M, N, D, start }) => run(write, [M, D], cache, rows, start, N),
};

const write = function (this: Thread, cache: Matrix, rows: Matrix, start: number, N: number) {
  const row = this.thread.y - start;
  let value = cache[this.thread.y][this.thread.x];
  if (row >= 0 && row < N) {
    value = rows[row][this.thread.x];
  }
  return value;
};
