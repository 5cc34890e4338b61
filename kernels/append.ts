import { launch, type Matrix, type Op, type Thread } from '../tensor/op.ts';
import { parseSignature } from '../tensor/signature.ts';
import { free, type Tensor } from '../tensor/tensor.ts';

/**
 * Writes rows into a cache of fixed capacity, one segment for each sequence that the cache holds. With `addColumns` an
 * exception to immutability: the old cache is consumed, so that a device may write in place; touching it afterwards is a use-after-free
 * error.
 *
 * @param cache `[M, D]`
 * @param rows `[N, D]`
 * @param segments `[G, 3]` int32: the first row of the cache, the first of the rows, and how many there are. Where two have
 *   a row for one place the later counts.
 * @returns `[M, D]`
 */
export function append(cache: Tensor, rows: Tensor, segments: Tensor): Tensor {
  const appended = launch(op, [cache, rows, segments]);
  free(cache, 'append');
  return appended;
}

const op: Op = {
  name: 'append',
  signature: parseSignature('cache[M,D], rows[N,D], segments[G,3]:i32 -> y[M,D]'),
  check({ M, N, G }, [, , segments]) {
    for (let g = 0; segments?.known && g < G; g++) {
      const [to, from, count] = segments.known.subarray(3 * g, 3 * g + 3);
      if (to >= 0 && from >= 0 && count >= 0 && to + count <= M && from + count <= N) continue;
      throw new RangeError(`append: ${count} rows from ${from} on, of ${N}, to row ${to} of a cache with ${M}`);
    }
  },
  cost: ({ N, D, G }) => ({ operations: 0, bytes: 4 * (2 * N * D + 3 * G) }),
  kernels: (run, [cache, rows, segments], { M, D, G }) => run(write, [M, D], cache, rows, segments, G),
};

const write = function (this: Thread, cache: Matrix, rows: Matrix, segments: Matrix, G: number) {
  let value = cache[this.thread.y][this.thread.x];
  for (let g = 0; g < G; g++) {
    const row = this.thread.y - segments[g][0];
    if (row >= 0 && row < segments[g][2]) {
      value = rows[segments[g][1] + row][this.thread.x];
    }
  }
  return value;
};
