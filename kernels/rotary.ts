import { ShapeError } from '../tensor/error.ts';
import { launch, type Matrix, type Op, type Thread } from '../tensor/op.ts';
import { parseSignature } from '../tensor/signature.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { divide } from './scale.ts';

/**
 * `y = x · cos + concat(−x₂, x₁) · sin` in every head, x = [x₁, x₂] its two halves (Su et al. 2021, arXiv 2104.09864,
 * equation 34, with halves in place of neighbouring pairs: a quirk that every Qwen shares with GPT-NeoX).
 *
 * ```
 * dx = dy · cos + concat(dy₂, −dy₁) · sin        turned back: both halves of a head share their angles
 * ```
 *
 * The tables come from the host: `cos` in a kernel errs by up to 2e-4 on some devices.
 *
 * @param x `[N, H·d]`
 * @param cos `[N, d]` the table's rows at the positions of x's rows
 * @param sin `[N, d]`
 */
export function rotary(x: Tensor, cos: Tensor, sin: Tensor): Tensor {
  if (cos.shape[1] % 2 !== 0) throw new ShapeError(`rotary: cos is [${cos.shape.join(',')}], expected an even d`);
  return launch(op, [cos, sin, x]);
}

const op: Op = {
  name: 'rotary',
  signature: parseSignature('cos[N,d], sin[N,d], x[N,H*d] -> y[N,H*d]'),
  cost: ({ N, H, d }) => ({ operations: 3 * N * H * d }),
  kernels: (run, [cos, sin, x], { N, H, d }) => run(rotate, [N, H * d], x, cos, sin, d),
  gradient: (dy, { inputs: [cos, sin] }) => [undefined, undefined, () => rotary(dy, cos!, divide(sin!, -1))],
};

const rotate = function (this: Thread, x: Matrix, cos: Matrix, sin: Matrix, d: number) {
  const start = Math.floor((this.thread.x + 0.5) / d) * d;
  const column = this.thread.x - start;
  const half = d / 2;
  let other = 0;
  if (column < half) {
    other = -x[this.thread.y][this.thread.x + half];
  } else {
    other = x[this.thread.y][this.thread.x - half];
  }
  return x[this.thread.y][this.thread.x] * cos[this.thread.y][column] + other * sin[this.thread.y][column];
};
