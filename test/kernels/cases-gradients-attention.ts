import { attentionGradient } from '../../kernels/attention.ts';
import { attentionKeys } from '../../kernels/attention-products.ts';
import { softmaxGradient } from '../../kernels/softmax.ts';
import { between, type Case, draw, type Expected, exactly, type Given, sum } from './case.ts';
import { attentionSizes, spans } from './cases-matrix.ts';

const attentionKeysCase: Case = {
  op: 'attentionKeys',
  sizes: { ...attentionSizes, d: between(1, 40) },
  attributes: ({ C }) => [{ M: C + 2 }],
  example({ H, d, seed, ...sizes }) {
    const source = draw(seed);
    const { span, N, M, C } = spans(sizes, source);
    const [probabilities, q] = [source.floats([H * N, C]), source.floats([N, H * d])];
    return {
      inputs: { probabilities, q, span },
      run: ({ probabilities, q, span }) => attentionKeys(probabilities, q, span, M),
      shape: [M, H * d],
      element(m, column) {
        const head = Math.trunc(column / d);
        return sum(N, (i) => {
          const j = m - span.at(i, 0);
          return j >= 0 && j < span.at(i, 1) ? probabilities.at(head * N + i, j) * q.at(i, column) : 0;
        });
      },
    };
  },
};

const softmaxGradientCase: Case = {
  op: 'softmaxGradient',
  sizes: attentionSizes,
  example({ H, seed, ...sizes }) {
    const source = draw(seed);
    const { span, N, C } = spans(sizes, source);
    const [y, dy] = [source.floats([H * N, C]), source.floats([H * N, C])];
    return {
      inputs: { y, dy, span },
      run: ({ y, dy, span }) => softmaxGradient(y, dy, span),
      shape: [H * N, C],
      element(row, j) {
        const count = span.at(row % N, 1);
        if (j >= count) return exactly(0);
        const dot = sum(count, (i) => y.at(row, i) * dy.at(row, i));
        const scale = Math.abs(y.at(row, j)) * (Math.abs(dy.at(row, j)) + dot.scale);
        return { value: y.at(row, j) * (dy.at(row, j) - dot.value), scale };
      },
    };
  },
};

/** Straight from the equations, for each element anew but for what a head's pairs have in common. */
const attentionGradientCase: Case = {
  op: 'attentionGradient',
  sizes: { ...attentionSizes, past: between(0, 12), present: between(1, 12), d: between(1, 40) },
  attributes: ({ N, M }) => [{ C: 5, divisor: 1.5, R: N + 2 * M }],
  example({ H, d, seed, ...sizes }) {
    const source = draw(seed);
    const { span, N, M, C } = spans(sizes, source);
    const rows = (count: number) => source.floats([count, H * d]);
    const [q, k, v, dy] = [rows(N), rows(M), rows(M), rows(N)];
    const divisor = Math.sqrt(d);
    const dot = (a: Given, i: number, b: Given, j: number, head: number) =>
      sum(d, (e) => a.at(i, head * d + e) * b.at(j, head * d + e));
    const pairs = Array.from({ length: H }, (_, head) =>
      Array.from({ length: N }, (_, i) => {
        const seen = Array.from({ length: span.at(i, 1) }, (_, j) => span.at(i, 0) + j);
        const exponentials = seen.map((key) => Math.exp(dot(q, i, k, key, head).value / divisor));
        const total = exponentials.reduce((a, b) => a + b, 0);
        const p = exponentials.map((exponential) => exponential / total);
        const dp = seen.map((key) => dot(dy, i, v, key, head));
        const mean = sum(seen.length, (j) => p[j] * dp[j].value);
        const meanScale = sum(seen.length, (j) => p[j] * dp[j].scale).value;
        return seen.map((key, j) => ({
          key,
          p: p[j],
          ds: p[j] * (dp[j].value - mean.value),
          scale: p[j] * (dp[j].scale + meanScale),
        }));
      }),
    );
    return {
      inputs: { q, k, v, span, dy },
      run: ({ q, k, v, span, dy }) => attentionGradient(q, k, v, span, dy, { heads: H, mostKeys: C, divisor }),
      shape: [N + 2 * M, H * d],
      element(row, column): Expected {
        const own = pairs[Math.trunc(column / d)];
        if (row < N) {
          return {
            value: sum(own[row].length, (j) => (own[row][j].ds * k.at(own[row][j].key, column)) / divisor).value,
            scale: sum(own[row].length, (j) => (own[row][j].scale * k.at(own[row][j].key, column)) / divisor).scale,
          };
        }
        const wanted = (row - N) % M;
        const found = own.flatMap((pairs, i) =>
          pairs.filter(({ key }) => key === wanted).map((pair) => ({ ...pair, i })),
        );
        if (row >= N + M) return sum(found.length, (f) => found[f].p * dy.at(found[f].i, column));
        return {
          value: sum(found.length, (f) => (found[f].ds * q.at(found[f].i, column)) / divisor).value,
          scale: sum(found.length, (f) => (found[f].scale * q.at(found[f].i, column)) / divisor).scale,
        };
      },
    };
  },
};

export const attentionGradientCases = [attentionKeysCase, softmaxGradientCase, attentionGradientCase] as const;
