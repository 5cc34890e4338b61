import { launch, type Matrix, type Op, type Thread } from '../tensor/op.ts';
import { parseSignature } from '../tensor/signature.ts';
import type { Tensor } from '../tensor/tensor.ts';

/**
 * `y = x · Φ(x) = x/2 · (1 + erf(x/√2))`, the exact GELU and not its tanh approximation (Hendrycks and Gimpel 2016, arXiv
 * 1606.08415, section 2).
 *
 * ```
 * dx = dy · (Φ(x) + x · φ(x))        φ(x) = exp(−x²/2) / √(2π), the derivative of Φ
 * ```
 *
 * @param x `[N, D]`
 */
export function gelu(x: Tensor): Tensor {
  return launch(geluOp, [x]);
}

/**
 * `dx = dy · (y / x + x · φ(x))`: what flows back through `gelu`. It reads the output y, for `Φ(x) = y / x` need not be computed twice.
 *
 * @param x `[N, D]`
 * @param y `[N, D]`, gelu(x)
 * @param dy `[N, D]`
 */
export function geluGradient(x: Tensor, y: Tensor, dy: Tensor): Tensor {
  return launch(geluGradientOp, [x, y, dy]);
}

/** The error function counts as one operation, like every function of `Math`. */
const geluOp: Op = {
  name: 'gelu',
  signature: parseSignature('x[N,D] -> y[N,D]'),
  cost: ({ N, D }) => ({ operations: 5 * N * D }),
  kernels: (run, [x], { N, D }) => run(activate, [N, D], x),
  gradient: (dy, { inputs: [x], output }) => [() => geluGradient(x!, output, dy)],
};

/**
 * The error function by W. J. Cody's rational approximations (Math. Comp. 23, 1969, 631–637), good to 1e-16 up to 4, where
 * erf differs from 1 by 1.5e-8 and the same quotient is still good to 1e-9 of the whole. Near 0 a quotient in z²;
 * elsewhere 1 − exp(−z²) · quotient, so that an error in `exp` only touches what is missing from 1.
 */
const activate = function (this: Thread, x: Matrix) {
  const value = x[this.thread.y][this.thread.x];
  const z = Math.abs(value) * Math.SQRT1_2;
  let erf = 1.0;
  if (z < 0.46875) {
    const s = z * z;
    let above = 0.18577770618460315;
    above = above * s + 3.1611237438705655;
    above = above * s + 113.86415415105016;
    above = above * s + 377.485237685302;
    above = above * s + 3209.3775891384694;
    let below = 1.0;
    below = below * s + 23.601290952344122;
    below = below * s + 244.02463793444417;
    below = below * s + 1282.6165260773723;
    below = below * s + 2844.236833439171;
    erf = (z * above) / below;
  } else if (z < 6.0) {
    let above = 2.1531153547440383e-8;
    above = above * z + 0.5641884969886701;
    above = above * z + 8.883149794388377;
    above = above * z + 66.11919063714163;
    above = above * z + 298.6351381974001;
    above = above * z + 881.952221241769;
    above = above * z + 1712.0476126340707;
    above = above * z + 2051.0783778260716;
    above = above * z + 1230.3393547979972;
    let below = 1.0;
    below = below * z + 15.744926110709835;
    below = below * z + 117.6939508913125;
    below = below * z + 537.1811018620099;
    below = below * z + 1621.3895745666903;
    below = below * z + 3290.7992357334597;
    below = below * z + 4362.619090143247;
    below = below * z + 3439.3676741437216;
    below = below * z + 1230.3393548037495;
    erf = 1.0 - (Math.exp(-z * z) * above) / below;
  }
  if (value < 0.0) {
    erf = -erf;
  }
  return 0.5 * value * (1.0 + erf);
};

const geluGradientOp: Op = {
  name: 'geluGradient',
  signature: parseSignature('x[N,D], y[N,D], dy[N,D] -> dx[N,D]'),
  cost: ({ N, D }) => ({ operations: 8 * N * D }),
  kernels: (run, [x, y, dy], { N, D }) => run(slope, [N, D], x, y, dy),
};

/** Where x is so small that the quotient loses bits, Φ is ½. The constant is 1/√(2π). */
const slope = function (this: Thread, x: Matrix, y: Matrix, dy: Matrix) {
  const value = x[this.thread.y][this.thread.x];
  const density = 0.3989422804014327 * Math.exp(-0.5 * value * value);
  let cumulative = 0.5;
  if (value > 1e-30 || value < -1e-30) {
    cumulative = y[this.thread.y][this.thread.x] / value;
  }
  return dy[this.thread.y][this.thread.x] * (cumulative + value * density);
};
