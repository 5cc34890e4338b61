import { foldRows, sum as sumOf } from '../../kernels/add.ts';
import { placeColumns } from '../../kernels/columns.ts';
import { biasGradient, weightGradient } from '../../kernels/linear.ts';
import { sumRows } from '../../kernels/sum-rows.ts';
import { between, type Case, draw, exactly, size, small, sum } from './case.ts';

const weightGradientCase: Case = {
  op: 'weightGradient',
  sizes: { N: size, M: size, K: size, before: between(0, 5), after: between(0, 5) },
  attributes: ({ M }) => [
    { start: 0, R: M },
    { start: 3, R: M + 5 },
  ],
  example({ N, M, K, before, after, seed }) {
    const { floats } = draw(seed);
    const [a, b] = [floats([N, M]), floats([N, K])];
    const R = before + M + after;
    return {
      inputs: { a, b },
      run: ({ a, b }) => weightGradient(a, b, { start: before, R }),
      shape: [R, K],
      element(row, k) {
        const m = row - before;
        return m < 0 || m >= M ? exactly(0) : sum(N, (n) => a.at(n, m) * b.at(n, k));
      },
    };
  },
};

const biasGradientCase: Case = {
  op: 'biasGradient',
  sizes: { N: size, M: size, before: between(0, 5), after: between(0, 5) },
  attributes: ({ M }) => [
    { start: 0, R: M },
    { start: 3, R: M + 5 },
  ],
  example({ N, M, before, after, seed }) {
    const x = draw(seed).floats([N, M]);
    const R = before + M + after;
    return {
      inputs: { x },
      run: ({ x }) => biasGradient(x, { start: before, R }),
      shape: [1, R],
      element(_, place) {
        const m = place - before;
        return m < 0 || m >= M ? exactly(0) : sum(N, (n) => x.at(n, m));
      },
    };
  },
};

const foldRowsCase: Case = {
  op: 'foldRows',
  sizes: { B: size, M: small, D: size },
  example({ B, M, D, seed }) {
    const x = draw(seed).floats([B * M, D]);
    return {
      inputs: { x },
      run: ({ x }) => foldRows(x, M),
      shape: [M, D],
      element: (m, column) => sum(B, (b) => x.at(b * M + m, column)),
    };
  },
};

const sumCase: Case = {
  op: 'sum',
  sizes: { N: small, D: size, rank: between(1, 3) },
  example({ N, D, rank, seed }) {
    const { floats } = draw(seed);
    const shape = [[N * D], [N, D], [N, 1, D]][rank - 1];
    const [a, b] = [floats(shape), floats(shape)];
    const columns = shape.at(-1)!;
    return {
      inputs: { a, b },
      run: ({ a, b }) => sumOf(a, b),
      shape: [(N * D) / columns, columns],
      element: (row, column) => exactly(a.at(row, column) + b.at(row, column)),
    };
  },
};

const sumRowsCase: Case = {
  op: 'sumRows',
  sizes: { N: size, V: small, D: size },
  example({ N, V, D, seed }) {
    const { floats, integers } = draw(seed);
    const [x, ids] = [floats([N, D]), integers([N], -1, V - 1)];
    const rows = [...ids.data.keys()];
    return {
      inputs: { x, ids },
      run: ({ x, ids }) => sumRows(x, ids, V),
      shape: [V, D],
      element(v, column) {
        const own = rows.filter((i) => ids.data[i] === v);
        return sum(own.length, (i) => x.at(own[i], column));
      },
    };
  },
};

const placeColumnsCase: Case = {
  op: 'placeColumns',
  sizes: { N: small, start: between(0, 40), width: between(1, 40), gap: between(0, 40), groups: between(1, 4) },
  attributes: ({ groups, width }) => [{ start: 1, stride: width + 1, C: groups * (width + 1) + 2 }],
  example({ N, start, width, gap, groups, seed }) {
    const source = draw(seed);
    const stride = width + gap;
    const C = start + groups * stride - gap + source.integer(0, 9);
    const x = source.floats([N, groups * width]);
    return {
      inputs: { x },
      run: ({ x }) => placeColumns(x, C, { start, width, stride, groups }),
      shape: [N, C],
      element(row, column) {
        const group = Math.floor((column - start) / stride);
        const within = column - start - group * stride;
        const picked = group >= 0 && group < groups && within < width;
        return exactly(picked ? x.at(row, group * width + within) : 0);
      },
    };
  },
};

/** Of sums over rows, as the gradients of weights are, and of what is put in its place. */
export const rowGradientCases = [
  weightGradientCase,
  biasGradientCase,
  foldRowsCase,
  sumCase,
  sumRowsCase,
  placeColumnsCase,
] as const;
