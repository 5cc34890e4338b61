import { attention } from '../../kernels/attention.ts';
import { attentionScores, attentionValues } from '../../kernels/attention-products.ts';
import { linear, matmul } from '../../kernels/linear.ts';

import { rotary } from '../../kernels/rotary.ts';
import { softmax } from '../../kernels/softmax.ts';
import { between, type Case, type Draw, draw, flag, type Given, given, size, small, sum } from './case.ts';

const linearCase: Case = {
  op: 'linear',
  sizes: { N: small, K: size, M: size, biased: flag, before: between(0, 5), after: between(0, 5) },
  // All rows; from a multiple of 8 on to the end, and not to the end; from elsewhere on.
  attributes: ({ R }) =>
    [
      { start: 0, M: R },
      { start: 8, M: R - 8 },
      { start: 0, M: R - 1 },
      { start: 3, M: R - 4 },
    ].filter(({ M }) => M > 0),
  example({ N, K, M, biased, before, after, seed }) {
    const { floats } = draw(seed);
    const R = before + M + after;
    const [x, weight, bias] = [floats([N, K]), floats([R, K]), floats([R])];
    return {
      inputs: biased ? { x, weight, bias } : { x, weight },
      run: ({ x, weight, bias }) => linear(x, weight, bias, { start: before, count: M }),
      shape: [N, M],
      element: (n, m) =>
        sum(K + biased, (k) => (k < K ? x.at(n, k) * weight.at(before + m, k) : bias.at(0, before + m))),
    };
  },
};

const matmulCase: Case = {
  op: 'matmul',
  sizes: { N: small, K: size, M: size, before: between(0, 5), after: between(0, 5) },
  // All rows; the last ones.
  attributes: ({ K, R }) => (K <= R ? [{ start: R - K }] : []),
  example({ N, K, M, before, after, seed }) {
    const { floats } = draw(seed);
    const [x, weight] = [floats([N, K]), floats([before + K + after, M])];
    return {
      inputs: { x, weight },
      run: ({ x, weight }) => matmul(x, weight, { start: before, count: K }),
      shape: [N, M],
      element: (n, m) => sum(K, (k) => x.at(n, k) * weight.at(before + k, m)),
    };
  },
};

/** Attention over one to three sequences, some of whose keys come before the queries. */
export const attentionSizes = {
  H: between(1, 4),
  sequences: between(1, 3),
  past: between(0, 40),
  present: between(1, 30),
  causal: flag,
};

/** Who sees whom when N query rows in all see M key rows; some see nothing. */
export function spans({ sequences, past, present, causal }: Readonly<Record<string, number>>, { integer }: Draw) {
  const rows: [first: number, count: number][] = [];
  let M = 0;
  for (let s = 0; s < sequences; s++) {
    const before = s === 0 ? past : integer(0, past);
    const count = integer(1, present);
    for (let i = 0; i < count; i++) rows.push([M, integer(0, 9) === 0 ? 0 : before + (causal ? i + 1 : count)]);
    M += before + count;
  }
  const C = Math.max(1, ...rows.map(([, count]) => count)) + integer(0, 3); // a result may be wider than any row needs
  return { span: given([rows.length, 2], Int32Array.from(rows.flat())), N: rows.length, M, C };
}

const attentionScoresCase: Case = {
  op: 'attentionScores',
  sizes: { ...attentionSizes, d: between(1, 40) },
  attributes: () => [{ C: 5, divisor: 1.5 }],
  example({ H, d, seed, ...sizes }) {
    const source = draw(seed);
    const { span, N, M, C } = spans(sizes, source);
    const [q, k] = [source.floats([N, H * d]), source.floats([M, H * d])];
    const divisor = Math.sqrt(d);
    return {
      inputs: { q, k, span },
      run: ({ q, k, span }) => attentionScores(q, k, span, { heads: H, mostKeys: C, divisor }),
      shape: [H * N, C],
      element(row, j) {
        const [head, i] = [Math.trunc(row / N), row % N];
        if (j >= span.at(i, 1)) return { value: 0, scale: 0 };
        return sum(d, (e) => (q.at(i, head * d + e) * k.at(span.at(i, 0) + j, head * d + e)) / divisor);
      },
    };
  },
};

const softmaxCase: Case = {
  op: 'softmax',
  // 1.5e38: the largest whose differences are still finite in float32.
  sizes: { ...attentionSizes, magnitude: between(0, 3).map((i) => [1, 8, 80, 1.5e38][i]) },
  example({ H, magnitude, seed, ...sizes }) {
    const source = draw(seed);
    const { span, N, C } = spans(sizes, source);
    const x = source.floats([H * N, C], magnitude);
    return {
      inputs: { x, span },
      run: ({ x, span }) => softmax(x, span),
      shape: [H * N, C],
      element(row, j) {
        const count = span.at(row % N, 1);
        if (j >= count) return { value: 0, scale: 0 };
        const top = Math.max(...Array.from({ length: count }, (_, i) => x.at(row, i)));
        const below = top - x.at(row, j);
        const value = Math.exp(-below) / sum(count, (i) => Math.exp(x.at(row, i) - top)).value;
        return { value, scale: value === 0 ? 0 : value * (1 + below) }; // the exponent's rounding is relative to it
      },
    };
  },
};

const attentionValuesCase: Case = {
  op: 'attentionValues',
  sizes: { ...attentionSizes, d: between(1, 40) },
  example({ H, d, seed, ...sizes }) {
    const source = draw(seed);
    const { span, N, M, C } = spans(sizes, source);
    const [probabilities, v] = [source.floats([H * N, C]), source.floats([M, H * d])];
    return {
      inputs: { probabilities, v, span },
      run: ({ probabilities, v, span }) => attentionValues(probabilities, v, span),
      shape: [N, H * d],
      element(i, column) {
        const head = Math.trunc(column / d);
        return sum(span.at(i, 1), (j) => probabilities.at(head * N + i, j) * v.at(span.at(i, 0) + j, column));
      },
    };
  },
};

const attentionCase: Case = {
  op: 'attention',
  sizes: { ...attentionSizes, d: between(1, 40) },
  attributes: () => [{ C: 5, divisor: 1.5 }],
  example({ H, d, seed, ...sizes }) {
    const source = draw(seed);
    const { span, N, M, C } = spans(sizes, source);
    const [q, k, v] = [source.floats([N, H * d]), source.floats([M, H * d]), source.floats([M, H * d])];
    const divisor = Math.sqrt(d);
    const exponential = (i: number, head: number, key: number) =>
      Math.exp(sum(d, (e) => (q.at(i, head * d + e) * k.at(key, head * d + e)) / divisor).value);
    return {
      inputs: { q, k, v, span },
      run: ({ q, k, v, span }) => attention(q, k, v, span, { heads: H, mostKeys: C, divisor }),
      shape: [N, H * d],
      element(i, column) {
        const head = Math.trunc(column / d);
        const [first, count] = [span.at(i, 0), span.at(i, 1)];
        const total = sum(count, (j) => exponential(i, head, first + j)).value;
        return sum(count, (j) => (exponential(i, head, first + j) / total) * v.at(first + j, column));
      },
    };
  },
};

const rotaryCase: Case = {
  op: 'rotary',
  // Rotary tables have the same angles in both halves; the operation does not ask for it, its gradient does.
  sizes: { N: small, H: between(1, 4), half: between(1, 40), shared: flag },
  attributes: ({ d }) => (d % 2 === 0 ? [{}] : []),
  example({ N, H, half, shared, seed }) {
    const { floats } = draw(seed);
    const d = 2 * half;
    const [x, cos, sin]: Given[] = [floats([N, H * d]), floats([N, d]), floats([N, d])];
    if (shared) {
      for (const { data } of [cos, sin]) {
        for (let row = 0; row < N; row++) data.copyWithin(row * d + half, row * d, row * d + half);
      }
    }
    return {
      inputs: { x, cos, sin },
      run: ({ x, cos, sin }) => rotary(x, cos, sin),
      shape: [N, H * d],
      element(n, column) {
        const i = column % d;
        const turned = i < half ? -x.at(n, column + half) : x.at(n, column - half);
        return sum(2, (term) => (term === 0 ? x.at(n, column) * cos.at(n, i) : turned * sin.at(n, i)));
      },
    };
  },
};

export const matrixCases = [
  linearCase,
  matmulCase,
  attentionScoresCase,
  softmaxCase,
  attentionValuesCase,
  attentionCase,
  rotaryCase,
] as const;
