import { launch, type Matrix, type Op, type Thread } from '../tensor/op.ts';
import { parseSignature } from '../tensor/signature.ts';
import type { Tensor } from '../tensor/tensor.ts';

/**
 * Resizes a square grid of vectors by bicubic interpolation with a = −0.75, half-pixel centres, borders clamped and no
 * antialiasing: how position tables fit another number of patches (Keys 1981, IEEE Trans. ASSP 29, equation 15, with −0.75
 * for his −1/2). Not the filter that resizes pictures: that one has a = −1/2 and widens when it shrinks.
 *
 * ```
 * y = (R ⊗ R) · x,  R [to, from] the weights along one side        dx = (R ⊗ R)ᵀ · dy
 * ```
 *
 * @param x `[from·from, D]`, row-major
 * @param from cells a side
 * @param to cells a side of the result
 * @returns `[to·to, D]`
 */
export function resizeGrid(x: Tensor, from: number, to: number): Tensor {
  return launch(resizeGridOp, [x], { from, to });
}

/**
 * `dx = (R ⊗ R)ᵀ · dy`, the transpose of `resizeGrid`: what flows back to the cells of the grid that was resized.
 *
 * @param dy `[to·to, D]`
 * @returns `[from·from, D]`
 */
export function resizeGridGradient(dy: Tensor, from: number, to: number): Tensor {
  return launch(resizeGridGradientOp, [dy], { from, to });
}

const resizeGridOp: Op = {
  name: 'resizeGrid',
  signature: parseSignature('x[from*from,D] -> y[to*to,D]'),
  cost: ({ from, to, D }) => ({ operations: 40 * to * to * D, bytes: 4 * D * (readLines(from, to) ** 2 + to * to) }),
  kernels: (run, [x], { from, to, D }) => run(interpolate, [to * to, D], x, from, to),
  gradient: (dy, { sizes: { from, to } }) => [() => resizeGridGradient(dy, from, to)],
};

/** How many rows, or columns, of a grid are read: where it shrinks, not all. */
function readLines(from: number, to: number): number {
  const read = new Set<number>();
  for (let i = 0; i < to; i++) {
    const top = Math.floor(((i + 0.5) * from) / to - 0.5);
    for (let j = top - 1; j <= top + 2; j++) read.add(Math.max(0, Math.min(from - 1, j)));
  }
  return read.size;
}

/** Weights over distances 1 + t, t, 1 − t, 2 − t; the farther two from the outer cubic, the nearer two from the inner one. */
const interpolate = function (this: Thread, x: Matrix, from: number, to: number) {
  const row = Math.floor((this.thread.y + 0.5) / to);
  const column = this.thread.y - row * to;
  const y = ((row + 0.5) * from) / to - 0.5;
  const z = ((column + 0.5) * from) / to - 0.5;
  const top = Math.floor(y);
  const left = Math.floor(z);
  let sum = 0;
  for (let i = 0; i < 4; i++) {
    const dy = Math.abs(y - (top - 1 + i));
    let rowWeight = (1.25 * dy - 2.25) * dy * dy + 1;
    if (dy > 1) {
      rowWeight = ((-0.75 * dy + 3.75) * dy - 6) * dy + 3;
    }
    const sourceRow = Math.max(0, Math.min(from - 1, top - 1 + i));
    let line = 0;
    for (let j = 0; j < 4; j++) {
      const dz = Math.abs(z - (left - 1 + j));
      let weight = (1.25 * dz - 2.25) * dz * dz + 1;
      if (dz > 1) {
        weight = ((-0.75 * dz + 3.75) * dz - 6) * dz + 3;
      }
      const sourceColumn = Math.max(0, Math.min(from - 1, left - 1 + j));
      line += weight * x[sourceRow * from + sourceColumn][this.thread.x];
    }
    sum += rowWeight * line;
  }
  return sum;
};

const resizeGridGradientOp: Op = {
  name: 'resizeGridGradient',
  signature: parseSignature('dy[to*to,D] -> dx[from*from,D]'),
  cost: ({ from, to, D }) => ({ operations: 8 * D * to * (from + to) }),
  kernels(run, [dy], { from, to, D }) {
    const lines = run(gatherLines, [from * to, D], dy, from, to);
    return run(gatherColumns, [from * from, D], lines, from, to);
  },
};

/** Along one side, then along the other: `lines[r, j] = Σᵢ R[i, r] · dy[i, j]`. Of what is clamped several weights meet in one cell. */
const gatherLines = function (this: Thread, dy: Matrix, from: number, to: number) {
  const line = Math.floor((this.thread.y + 0.5) / to);
  const column = this.thread.y - line * to;
  let sum = 0;
  for (let i = 0; i < to; i++) {
    const y = ((i + 0.5) * from) / to - 0.5;
    const top = Math.floor(y);
    let weight = 0;
    for (let k = 0; k < 4; k++) {
      if (Math.max(0, Math.min(from - 1, top - 1 + k)) === line) {
        const distance = Math.abs(y - (top - 1 + k));
        let share = (1.25 * distance - 2.25) * distance * distance + 1;
        if (distance > 1) {
          share = ((-0.75 * distance + 3.75) * distance - 6) * distance + 3;
        }
        weight += share;
      }
    }
    sum += weight * dy[i * to + column][this.thread.x];
  }
  return sum;
};

const gatherColumns = function (this: Thread, lines: Matrix, from: number, to: number) {
  const line = Math.floor((this.thread.y + 0.5) / from);
  const column = this.thread.y - line * from;
  let sum = 0;
  for (let j = 0; j < to; j++) {
    const z = ((j + 0.5) * from) / to - 0.5;
    const left = Math.floor(z);
    let weight = 0;
    for (let k = 0; k < 4; k++) {
      if (Math.max(0, Math.min(from - 1, left - 1 + k)) === column) {
        const distance = Math.abs(z - (left - 1 + k));
        let share = (1.25 * distance - 2.25) * distance * distance + 1;
        if (distance > 1) {
          share = ((-0.75 * distance + 3.75) * distance - 6) * distance + 3;
        }
        weight += share;
      }
    }
    sum += weight * lines[line * to + j][this.thread.x];
  }
  return sum;
};
