import { launch, type Matrix, type Op, parallel, type Thread } from '../../tensor/op.ts';
import { parseSignature } from '../../tensor/signature.ts';
import type { Tensor } from '../../tensor/tensor.ts';

/**
 * Not a part of the model: how fast a device can compute and read at all, the two roofs under which every kernel stands
 * (Williams, Waterman and Patterson 2009, "Roofline").
 */

/** Sums that an element of `multiplyAddRoof` has under way, so that none waits for another. */
const CHAINS = 12;

/**
 * Multiply-adds from register to register: twelve sums begin at `x`, `x + 1`, …, `x + 11` and each takes `s = s / 2 + 1` so many
 * times; `y` is what they add up to.
 *
 * @param x `[N, D]`
 * @param turns at most 2²⁰
 */
export function multiplyAddRoof(x: Tensor, turns: number): Tensor {
  return launch(multiplyAddOp, [x], { turns });
}

/**
 * Reads memory and does next to nothing else: `y[i] = turns · Σ x` over the R rows from row i · R on, which are read so many
 * times over.
 *
 * @param x `[N·R, D]`
 * @returns `[N, 1]`
 */
export function memoryRoof(x: Tensor, rows: number, turns: number): Tensor {
  return launch(memoryOp, [x], { R: rows, turns });
}

/**
 * The same as a GPU reads best, neighbours beside neighbours: each thread has a column, of which it reads R rows in each turn, in
 * another part each time, as what it has read may still be in a cache: `y[n, d] = Σ x[p · R + r, d]` over r < R and the parts
 * p = n, n + stride, n + 2 · stride, … modulo N, as many as there are turns.
 *
 * @param x `[N·R, D]`
 * @param stride at most N
 * @returns `[N, D]`
 */
export function memoryRoofAbreast(x: Tensor, rows: number, turns: number, stride: number): Tensor {
  return launch(abreastOp, [x], { R: rows, turns, stride });
}

const multiplyAddOp: Op = {
  name: 'multiplyAddRoof',
  signature: parseSignature('x[N,D] -> y[N,D]'),
  cost: ({ N, D, turns }) => ({ operations: N * D * (CHAINS * (2 * turns + 2) - 2) }),
  kernels: (run, [x], { N, D, turns }) => run(chains, [N, D], x, turns),
};

const chains = parallel(function (this: Thread, x: Matrix, turns: number) {
  let a = x[this.thread.y][this.thread.x];
  let b = a + 1;
  let c = a + 2;
  let d = a + 3;
  let e = a + 4;
  let f = a + 5;
  let g = a + 6;
  let h = a + 7;
  let i = a + 8;
  let j = a + 9;
  let k = a + 10;
  let l = a + 11;
  for (let turn = 0; turn < turns; turn++) {
    a = a * 0.5 + 1;
    b = b * 0.5 + 1;
    c = c * 0.5 + 1;
    d = d * 0.5 + 1;
    e = e * 0.5 + 1;
    f = f * 0.5 + 1;
    g = g * 0.5 + 1;
    h = h * 0.5 + 1;
    i = i * 0.5 + 1;
    j = j * 0.5 + 1;
    k = k * 0.5 + 1;
    l = l * 0.5 + 1;
  }
  return a + b + c + d + e + f + g + h + i + j + k + l;
});

const memoryOp: Op = {
  name: 'memoryRoof',
  signature: parseSignature('x[N*R,D] -> y[N,1]'),
  cost: ({ N, R, D, turns }) => ({ operations: N * R * D * turns, bytes: 4 * (N * R * D * turns + N) }),
  kernels: (run, [x], { N, R, D, turns }) => run(sweep, [N, 1], x, R, D, turns),
};

/** Four sums, so that none waits for another. */
const sweep = function (this: Thread, x: Matrix, R: number, D: number, turns: number) {
  const first = this.thread.y * R;
  let a = 0;
  let b = 0;
  let c = 0;
  let d = 0;
  for (let turn = 0; turn < turns; turn++) {
    for (let row = 0; row < R; row++) {
      for (let j = 0; j < D - 3; j += 4) {
        a += x[first + row][j];
        b += x[first + row][j + 1];
        c += x[first + row][j + 2];
        d += x[first + row][j + 3];
      }
      for (let rest = D - (D % 4); rest < D; rest += 1) {
        a += x[first + row][rest];
      }
    }
  }
  return a + b + c + d;
};

const abreastOp: Op = {
  name: 'memoryRoofAbreast',
  signature: parseSignature('x[N*R,D] -> y[N,D]'),
  cost: ({ N, R, D, turns }) => ({ operations: N * R * D * turns, bytes: 4 * (N * R * D * turns + N * D) }),
  kernels: (run, [x], { N, R, D, turns, stride }) => run(sweepAbreast, [N, D], x, N, R, turns, stride),
};

/** Four sums, so that none waits for another. */
const sweepAbreast = function (this: Thread, x: Matrix, N: number, R: number, turns: number, stride: number) {
  let part = this.thread.y;
  let a = 0;
  let b = 0;
  let c = 0;
  let d = 0;
  for (let turn = 0; turn < turns; turn++) {
    const first = part * R;
    for (let row = 0; row < R - 3; row += 4) {
      a += x[first + row][this.thread.x];
      b += x[first + row + 1][this.thread.x];
      c += x[first + row + 2][this.thread.x];
      d += x[first + row + 3][this.thread.x];
    }
    for (let rest = R - (R % 4); rest < R; rest += 1) {
      a += x[first + rest][this.thread.x];
    }
    part += stride;
    if (part >= N) {
      part -= N;
    }
  }
  return a + b + c + d;
};
