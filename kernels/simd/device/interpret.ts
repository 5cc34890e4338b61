import type { HostData } from '../../../tensor/device.ts';
import type { Handle, Kernel, Op, Run } from '../../../tensor/op.ts';
import type { Sizes } from '../../../tensor/signature.ts';

type Rows = readonly ArrayLike<number>[];

/**
 * Runs an operation's own kernels as the plain functions that they are, thread by thread, in float64. For what takes no time, such
 * as cutting patches: it needs no second version.
 *
 * @param inputs rows of each input
 */
export function interpret(
  op: Op,
  inputs: readonly (Rows | undefined)[],
  sizes: Sizes,
  shape: readonly number[],
): HostData {
  const run: Run = (kernel: Kernel, [rows, columns], ...given) => {
    const result: Float64Array[] = [];
    for (let y = 0; y < rows; y++) {
      const row = new Float64Array(columns);
      for (let x = 0; x < columns; x++) row[x] = kernel.call({ thread: { x, y } }, ...given);
      result.push(row);
    }
    return result as unknown as Handle; // rows stand for the handle that a kernel is given
  };
  const rows = op.kernels(run, inputs as unknown as readonly Handle[], sizes) as unknown as readonly Float64Array[];
  const Result = op.signature.output.dtype === 'int32' ? Int32Array : Float32Array;
  const all = new Result(shape.reduce((product, size) => product * size, 1));
  for (const [y, row] of rows.entries()) all.set(row, y * row.length);
  return all;
}
