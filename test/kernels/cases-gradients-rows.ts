import { foldRows, sum as sumOf } from '../../kernels/add.ts';
import { addColumns, placeColumns } from '../../kernels/columns.ts';
import { biasGradient, weightGradient } from '../../kernels/linear.ts';
import { sumRows } from '../../kernels/sum-rows.ts';
import { between, type Case, draw, exactly, type Sizes, size, small, sum } from './case.ts';

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

/** Runs of columns, and where each column of x stands among them. */
function placedColumns({ N, start, width, gap, groups, seed }: Sizes) {
  const source = draw(seed);
  const stride = width + gap;
  const C = start + groups * stride - gap + source.integer(0, 9);
  const [x, onto] = [source.floats([N, groups * width]), source.floats([N, C])];
  const placed = (row: number, column: number): number => {
    const group = Math.floor((column - start) / stride);
    const within = column - start - group * stride;
    return group >= 0 && group < groups && within < width ? x.at(row, group * width + within) : 0;
  };
  return { x, onto, C, where: { start, width, stride, groups }, placed };
}

const COLUMN_SIZES: Case['sizes'] = {
  ...{ N: small, start: between(0, 40), width: between(1, 40), gap: between(0, 40), groups: between(1, 4) },
};

const placeColumnsCase: Case = {
  op: 'placeColumns',
  sizes: COLUMN_SIZES,
  attributes: ({ groups, width }) => [{ start: 1, stride: width + 1, C: groups * (width + 1) + 2 }],
  example(sizes) {
    const { x, C, where, placed } = placedColumns(sizes);
    return {
      inputs: { x },
      run: ({ x }) => placeColumns(x, C, where),
      shape: [sizes.N, C],
      element: (row, column) => exactly(placed(row, column)),
    };
  },
};

const addColumnsCase: Case = {
  op: 'addColumns',
  sizes: COLUMN_SIZES,
  attributes: ({ C, groups, width }) => [
    { start: Math.max(0, C - groups * width), stride: width, C: Math.max(C, groups * width) },
  ],
  example(sizes) {
    const { x, onto, C, where, placed } = placedColumns(sizes);
    return {
      inputs: { onto, x },
      run: ({ onto, x }) => addColumns(onto, x, where),
      shape: [sizes.N, C],
      element: (row, column) => exactly(onto.at(row, column) + placed(row, column)),
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
  addColumnsCase,
] as const;
