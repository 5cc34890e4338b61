import type { Matrix, Thread } from '../../tensor/op.ts';

/** Kernels of the replaced operations: each is the mistake itself, or spoils an input before the right kernels run. */

export const transposedGrid = function (this: Thread, pixels: Matrix, grid: number, patch: number) {
  const cell = Math.floor((this.thread.y + 0.5) / grid);
  const gridColumn = cell - Math.floor((cell + 0.5) / grid) * grid;
  const gridRow = this.thread.y - cell * grid;
  const image = Math.floor((this.thread.y + 0.5) / (grid * grid));
  const line = Math.floor((this.thread.x + 0.5) / patch);
  const channel = Math.floor((line + 0.5) / patch);
  const row = ((image * 3 + channel) * grid + gridRow) * patch + (line - channel * patch);
  return pixels[row][gridColumn * patch + (this.thread.x - line * patch)];
};

/** Bicubic with any a; `stretch` widens the filter over more cells of the source. */
export const bicubic = function (this: Thread, x: Matrix, from: number, to: number, a: number, stretch: number) {
  const row = Math.floor((this.thread.y + 0.5) / to);
  const column = this.thread.y - row * to;
  const y = ((row + 0.5) * from) / to - 0.5;
  const z = ((column + 0.5) * from) / to - 0.5;
  let sum = 0;
  let weights = 0;
  for (let i = Math.ceil(y - 2 * stretch); i <= y + 2 * stretch; i++) {
    const dy = Math.abs(y - i) / stretch;
    let rowWeight = ((a + 2) * dy - (a + 3)) * dy * dy + 1;
    if (dy > 1) {
      rowWeight = ((a * dy - 5 * a) * dy + 8 * a) * dy - 4 * a;
    }
    for (let j = Math.ceil(z - 2 * stretch); j <= z + 2 * stretch; j++) {
      const dz = Math.abs(z - j) / stretch;
      let weight = ((a + 2) * dz - (a + 3)) * dz * dz + 1;
      if (dz > 1) {
        weight = ((a * dz - 5 * a) * dz + 8 * a) * dz - 4 * a;
      }
      const sourceRow = Math.max(0, Math.min(from - 1, i));
      const sourceColumn = Math.max(0, Math.min(from - 1, j));
      sum += rowWeight * weight * x[sourceRow * from + sourceColumn][this.thread.x];
      weights += rowWeight * weight;
    }
  }
  return sum / weights;
};

export const tanhGelu = function (this: Thread, x: Matrix) {
  const value = x[this.thread.y][this.thread.x];
  return 0.5 * value * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (value + 0.044715 * value * value * value)));
};

export const quickGelu = function (this: Thread, x: Matrix) {
  const value = x[this.thread.y][this.thread.x];
  return value / (1 + Math.exp(-1.702 * value));
};

export const sigmoidGate = function (this: Thread, x: Matrix, gate: Matrix) {
  return x[this.thread.y][this.thread.x] / (1 + Math.exp(-gate[this.thread.y][this.thread.x]));
};

export const scaled = function (this: Thread, x: Matrix, factor: number) {
  return x[this.thread.y][this.thread.x] * factor;
};

export const rowMean = function (this: Thread, x: Matrix, D: number) {
  let sum = 0;
  for (let i = 0; i < D; i++) {
    sum += x[this.thread.x][i];
  }
  return sum / D;
};

export const centred = function (this: Thread, x: Matrix, mean: Matrix) {
  return x[this.thread.y][this.thread.x] - mean[0][this.thread.y];
};

/** Neighbouring columns turn together, as in the paper. */
export const rotatedPairs = function (this: Thread, x: Matrix, cos: Matrix, sin: Matrix, d: number) {
  const column = this.thread.x - Math.floor((this.thread.x + 0.5) / d) * d;
  const pair = Math.floor((column + 0.5) / 2);
  let other = 0;
  if (column === 2 * pair) {
    other = -x[this.thread.y][this.thread.x + 1];
  } else {
    other = x[this.thread.y][this.thread.x - 1];
  }
  return x[this.thread.y][this.thread.x] * cos[this.thread.y][pair] + other * sin[this.thread.y][pair];
};

/** Eleven significant bits. */
export const halfPrecision = function (this: Thread, x: Matrix) {
  const value = x[this.thread.y][this.thread.x];
  let rounded = 0;
  if (value !== 0) {
    const step = 2 ** (Math.floor(Math.log2(Math.abs(value))) - 10);
    rounded = Math.round(value / step) * step;
  }
  return rounded;
};

/** `first` is the first key, a count of keys may grow by `more`, up to all of them. */
export const firstKeys = function (this: Thread, span: Matrix) {
  let value = span[this.thread.y][this.thread.x];
  if (this.thread.x === 0) {
    value = 0;
  }
  return value;
};

export const moreKeys = function (this: Thread, span: Matrix, more: number, most: number) {
  let value = span[this.thread.y][this.thread.x];
  if (this.thread.x === 1) {
    value = Math.min(value + more, most);
  }
  return value;
};

/** A mask that multiplies minus infinity: by 0 where a key is seen, which is no number. */
export const maskedByProduct = function (this: Thread, x: Matrix, span: Matrix, N: number, columns: number) {
  const row = this.thread.y - Math.floor((this.thread.y + 0.5) / N) * N;
  let value = x[this.thread.y][this.thread.x];
  if (span[row][1] < columns) {
    let mask = 0;
    if (this.thread.x >= span[row][1]) {
      mask = 1;
    }
    value += mask * (-1 / 0);
  }
  return value;
};

/** Which row goes where, one off; what has no row before it takes none. */
export const rowBefore = function (this: Thread, source: Matrix) {
  let value = -1;
  if (this.thread.x > 0) {
    value = source[0][this.thread.x - 1];
  }
  return value;
};

export const otherHalf = function (this: Thread, source: Matrix, rows: number) {
  let value = source[0][this.thread.x];
  if (value >= 0) {
    value = (value + rows / 2) % rows;
  }
  return value;
};

export const factorBefore = function (this: Thread, factor: Matrix) {
  let value = 1;
  if (this.thread.x > 0) {
    value = factor[0][this.thread.x - 1];
  }
  return value;
};

/** The first row of the cache that each segment goes to, moved. */
export const movedSegments = function (this: Thread, segments: Matrix, by: number) {
  let value = segments[this.thread.y][this.thread.x];
  if (this.thread.x === 0) {
    value += by;
  }
  return value;
};
