import { launch, type Matrix, type Op, type Thread } from '../tensor/op.ts';
import { parseSignature } from '../tensor/signature.ts';
import type { Tensor } from '../tensor/tensor.ts';

/**
 * `y = x · silu(gate)`, `silu(g) = g / (1 + exp(−g))`: the middle of SwiGLU (Shazeer 2020, arXiv 2002.05202, equation 6).
 *
 * ```
 * dx = dy · silu(gate)        dgate = dy · x · s · (1 + gate · (1 − s)),  s = 1 / (1 + exp(−gate))
 * ```
 *
 * @param x `[N, D]`
 * @param gate `[N, D]`
 */
export function siluGate(x: Tensor, gate: Tensor): Tensor {
  return launch(siluGateOp, [x, gate]);
}

/** `dgate = dy · x · s · (1 + gate · (1 − s))`: what flows back to the gate of `siluGate`; s as there. `[N, D]` */
export function siluGateGradient(x: Tensor, gate: Tensor, dy: Tensor): Tensor {
  return launch(siluGateGradientOp, [x, gate, dy]);
}

const siluGateOp: Op = {
  name: 'siluGate',
  signature: parseSignature('x[N,D], gate[N,D] -> y[N,D]'),
  cost: ({ N, D }) => ({ operations: 4 * N * D }),
  kernels: (run, [x, gate], { N, D }) => run(product, [N, D], x, gate),
  gradient: (dy, { inputs: [x, gate] }) => [() => siluGate(dy, gate!), () => siluGateGradient(x!, gate!, dy)],
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

const siluGateGradientOp: Op = {
  name: 'siluGateGradient',
  signature: parseSignature('x[N,D], gate[N,D], dy[N,D] -> dgate[N,D]'),
  cost: ({ N, D }) => ({ operations: 7 * N * D }),
  kernels: (run, [x, gate, dy], { N, D }) => run(slope, [N, D], x, gate, dy),
};

/** The sigmoid without overflow as above; `1 − s` is the sigmoid of −gate, which loses nothing by cancellation. */
const slope = function (this: Thread, x: Matrix, gate: Matrix, dy: Matrix) {
  const g = gate[this.thread.y][this.thread.x];
  const e = Math.exp(-Math.abs(g));
  let sigmoid = 1.0 / (1.0 + e);
  let rest = e / (1.0 + e);
  if (g < 0.0) {
    sigmoid = e / (1.0 + e);
    rest = 1.0 / (1.0 + e);
  }
  return dy[this.thread.y][this.thread.x] * x[this.thread.y][this.thread.x] * (sigmoid * (1.0 + g * rest));
};
