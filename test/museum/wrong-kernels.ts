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

/** A count of keys may shrink, to whole tiles or by some, but never below one. */
export const fewerKeys = function (this: Thread, span: Matrix, fewer: number, tile: number) {
  let value = span[this.thread.y][this.thread.x];
  if (this.thread.x === 1) {
    value = Math.max(Math.min(value, tile), Math.floor((value - fewer) / tile) * tile, 1);
  }
  return value;
};

/** Those rows that stand in the second half of what is placed go one position later. */
export const secondPictureLate = function (this: Thread, source: Matrix, rows: number) {
  let value = source[0][this.thread.x];
  if (value >= rows / 2) {
    value -= 1;
    if (value < rows / 2) {
      value = -1;
    }
  } else if (value < 0 && this.thread.x > 0) {
    if (source[0][this.thread.x - 1] === rows - 1) {
      value = rows - 1;
    }
  }
  return value;
};

/** The rows of a picture from the last to the first. */
export const backwards = function (this: Thread, source: Matrix, rows: number) {
  let value = source[0][this.thread.x];
  if (value >= 0) {
    value = rows - 1 - value;
  }
  return value;
};

/** Rows and columns of a square table of positions exchanged. */
export const gridTransposed = function (this: Thread, x: Matrix, side: number) {
  const row = Math.floor((this.thread.y + 0.5) / side);
  return x[(this.thread.y - row * side) * side + row][this.thread.x];
};

/** The factor of the last row, for every row. */
export const lastFactor = function (this: Thread, factor: Matrix, rows: number) {
  return factor[0][rows - 1 + 0 * this.thread.x];
};

/** Abramowitz and Stegun's erf (7.1.25), good to 2.5e-5. */
export const coarseGelu = function (this: Thread, x: Matrix) {
  const value = x[this.thread.y][this.thread.x];
  const z = Math.abs(value) / Math.sqrt(2);
  const t = 1 / (1 + 0.47047 * z);
  let erf = 1 - ((0.7478556 * t - 0.0958798) * t + 0.3480242) * t * Math.exp(-z * z);
  if (value < 0) {
    erf = -erf;
  }
  return 0.5 * value * (1 + erf);
};

/** So many significant bits. */
export const rounded = function (this: Thread, x: Matrix, bits: number) {
  const value = x[this.thread.y][this.thread.x];
  let nearest = 0;
  if (value !== 0) {
    const step = 2 ** (Math.floor(Math.log2(Math.abs(value))) - (bits - 1));
    nearest = Math.round(value / step) * step;
  }
  return nearest;
};

/** RMSNorm with eps beside the root instead of under it. */
export const epsOutside = function (this: Thread, x: Matrix, weight: Matrix, D: number, eps: number) {
  let sum = 0;
  for (let i = 0; i < D; i++) {
    sum += x[this.thread.y][i] * x[this.thread.y][i];
  }
  return (x[this.thread.y][this.thread.x] / (Math.sqrt(sum / D) + eps)) * weight[0][this.thread.x];
};

/** A segment that does not begin at the top goes one row lower, and loses its last row. */
export const lateRows = function (this: Thread, segments: Matrix) {
  let value = segments[0][this.thread.x];
  if (segments[0][0] > 0) {
    if (this.thread.x === 0) {
      value += 1;
    }
    if (this.thread.x === 2) {
      value -= 1;
    }
  }
  return value;
};

export const rowMoved = function (this: Thread, ids: Matrix, by: number) {
  return ids[0][this.thread.x] + by;
};
