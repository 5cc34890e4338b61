import { launch, type Matrix, type Op, type Thread } from '../tensor/op.ts';
import { parseSignature } from '../tensor/signature.ts';
import { type Tensor, tensor } from '../tensor/tensor.ts';

/**
 * `y[v] = Σ x[i]` over the rows i whose id is v, in their order: the way back of everything that gathers rows. It is a scatter written
 * as a gather: the host, which knows the ids, lists for each row of the result the rows that go into it. So there are no atomics, and
 * one order of terms on every device.
 *
 * @param x `[N, D]`
 * @param ids `[N]` int32, its numbers known to the host; rows with a negative one are left out
 * @param V rows of the result
 * @returns `[V, D]`
 * @throws TypeError when only the device knows the ids
 */
export function sumRows(x: Tensor, ids: Tensor, V: number): Tensor {
  const { known } = ids;
  if (!known) throw new TypeError('sumRows: only the device knows the ids, expected an int32 tensor made of an array');
  const listed = [...known.keys()].filter((i) => known[i] >= 0).sort((a, b) => known[a] - known[b] || a - b);
  const span = new Int32Array(2 * V);
  for (const [at, i] of listed.entries()) {
    if (span[2 * known[i] + 1]++ === 0) span[2 * known[i]] = at;
  }
  const order = Int32Array.from(listed.length > 0 ? listed : [0]); // a tensor has at least one element
  const { device } = x;
  return launch(op, [tensor(device, order, [order.length]), tensor(device, span, [V, 2]), x]);
}

const op: Op = {
  name: 'sumRows',
  signature: parseSignature('order[T]:i32, span[V,2]:i32, x[N,D] -> y[V,D]'),
  cost({ T, V, D }, { inputs: [, span] }) {
    const listed = span!.known ? span!.known.reduce((sum, count, i) => sum + (i % 2) * count, 0) : T;
    return { operations: listed * D, bytes: 4 * (listed + 2 * V + listed * D + V * D) };
  },
  kernels: (run, [order, span, x], { V, D }) => run(gather, [V, D], x, order, span),
};

/** Sums in blocks of 32, as in `linear`. */
const gather = function (this: Thread, x: Matrix, order: Matrix, span: Matrix) {
  const first = span[this.thread.y][0];
  const count = span[this.thread.y][1];
  let sum = 0;
  for (let start = 0; start < count; start += 32) {
    const end = Math.min(start + 32, count);
    let part = 0;
    for (let i = start; i < end; i += 1) {
      part += x[order[0][first + i]][this.thread.x];
    }
    sum += part;
  }
  return sum;
};
