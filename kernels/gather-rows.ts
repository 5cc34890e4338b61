import { launch, type Matrix, type Op, type Thread } from '../tensor/op.ts';
import { parseSignature } from '../tensor/signature.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { sumRows } from './sum-rows.ts';

/**
 * `y[i] = table[ids[i]]`: rows of a table by their numbers, as the embeddings of tokens or the last row of each prompt.
 *
 * ```
 * dtable[v] = Σ dy[i] over the rows i whose id is v
 * ```
 *
 * @param table `[V, D]`
 * @param ids `[T]` int32, each in [0, V)
 * @returns `[T, D]`
 */
export function gatherRows(table: Tensor, ids: Tensor): Tensor {
  return launch(op, [table, ids]);
}

const op: Op = {
  name: 'gatherRows',
  signature: parseSignature('table[V,D], ids[T]:i32 -> y[T,D]'),
  check({ V }, [, ids]) {
    const outside = ids?.known?.find((id) => id < 0 || id >= V);
    if (outside !== undefined) throw new RangeError(`gatherRows: id ${outside} of a table with ${V} rows`);
  },
  cost({ T, D }, { inputs: [, ids], weightBytes }) {
    const rows = ids?.known ? new Set(ids.known).size : T; // a row that several positions take is read once
    return { operations: 0, bytes: 4 * (T * D + T) + weightBytes * rows * D };
  },
  kernels: (run, [table, ids], { T, D }) => run(gather, [T, D], table, ids),
  gradient: (dy, { inputs: [, ids], sizes: { V } }) => [() => sumRows(dy, ids!, V), undefined],
};

const gather = function (this: Thread, table: Matrix, ids: Matrix) {
  return table[ids[0][this.thread.y]][this.thread.x];
};
