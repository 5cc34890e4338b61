import { launch, type Matrix, type Op, type Thread } from '../tensor/op.ts';
import { parseSignature } from '../tensor/signature.ts';
import type { Tensor } from '../tensor/tensor.ts';

/**
 * `y = x · silu(gate)`, `silu(g) = g / (1 + exp(−g))`: the middle of SwiGLU (Shazeer 2020, arXiv 2002.05202, equation 6).
 *
 * @param x `[N, D]`
 * @param gate `[N, D]`
 */
export function siluGate(x: Tensor, gate: Tensor): Tensor {
  return launch(op, [x, gate]);
}

const op: Op = {
  name: 'siluGate',
  signature: parseSignature('x[N,D], gate[N,D] -> y[N,D]'),
  cost: ({ N, D }) => ({ operations: 4 * N * D }),
  kernels: (run, [x, gate], { N, D }) => run(product, [N, D], x, gate),
};

/** The exponent never grows: for a negative gate, `g · e / (1 + e)` with e = exp(g) is the same number without overflow. */
const product = function (this: Thread, x: Matrix, gate: Matrix) {
  const g = gate[this.thread.y][this.thread.x];
  const e = Math.exp(-Math.abs(g));
  let sigmoid = 1.0 / (1.0 + e);
  if (g < 0.0) {
    sigmoid = e / (1.0 + e);
  }
  return x[this.thread.y][this.thread.x] * (g * sigmoid);
};
