import { launch, type Matrix, type Op, type Thread } from '../tensor/op.ts';
import { parseSignature } from '../tensor/signature.ts';
import { type Tensor, tensor } from '../tensor/tensor.ts';
import { sumRows } from './sum-rows.ts';
import { zeros } from './zeros.ts';

/**
 * Puts rows of another tensor in place of some rows of x: this is how image features enter the token sequence.
 *
 * ```
 * dx = dy, 0 where a row was replaced          drows[r] = Σ dy[i] over the rows i that row r replaced
 * ```
 *
 * @param x `[T, D]`
 * @param rows `[R, D]`
 * @param source `[T]` int32: the row of `rows` that replaces each row of x, −1 where x stays
 * @returns `[T, D]`
 */
export function splice(x: Tensor, rows: Tensor, source: Tensor): Tensor {
  return launch(op, [x, rows, source]);
}

const op: Op = {
  name: 'splice',
  signature: parseSignature('x[T,D], rows[R,D], source[T]:i32 -> y[T,D]'),
  check({ R }, [, , source]) {
    const outside = source?.known?.find((row) => row >= R);
    if (outside !== undefined) throw new RangeError(`splice: row ${outside} of a tensor with ${R}`);
  },
  cost({ T, D }, { inputs: [, , source] }) {
    const { known } = source!;
    const read = known ? known.filter((row) => row < 0).length + new Set(known.filter((row) => row >= 0)).size : T;
    return { operations: 0, bytes: 4 * (read * D + T * D + T) };
  },
  kernels: (run, [x, rows, source], { T, D }) => run(choose, [T, D], x, rows, source),
  gradient(dy, { inputs: [, , source], sizes: { T, R, D } }) {
    const { device } = dy;
    return [
      () =>
        splice(
          dy,
          zeros(device, [1, D]),
          tensor(
            device,
            source!.known!.map((row) => (row < 0 ? -1 : 0)),
            [T],
          ),
        ),
      () => sumRows(dy, source!, R),
      undefined,
    ];
  },
};

const choose = function (this: Thread, x: Matrix, rows: Matrix, source: Matrix) {
  const row = source[0][this.thread.y];
  let value = x[this.thread.y][this.thread.x];
  if (row >= 0) {
    value = rows[row][this.thread.x];
  }
  return value;
};
