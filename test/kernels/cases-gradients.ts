import { foldRows, sum as sumOf } from '../../kernels/add.ts';
import { attentionGradient } from '../../kernels/attention.ts';
import { attentionKeys } from '../../kernels/attention-products.ts';
import { placeColumns } from '../../kernels/columns.ts';
import { crossEntropy, crossEntropyGradient } from '../../kernels/cross-entropy.ts';
import { geluGradient } from '../../kernels/gelu.ts';
import { layerNormGradient, layerNormWeightGradient } from '../../kernels/layer-norm.ts';
import { biasGradient, weightGradient } from '../../kernels/linear.ts';
import { resizeGridGradient } from '../../kernels/resize-grid.ts';
import { rmsNormGradient, rmsNormWeightGradient } from '../../kernels/rms-norm.ts';
import { siluGateGradient } from '../../kernels/silu-gate.ts';
import { softmaxGradient } from '../../kernels/softmax.ts';
import { sumRows } from '../../kernels/sum-rows.ts';
import { between, type Case, draw, type Expected, exactly, type Given, given, size, small, sum } from './case.ts';
import { erf, keys } from './cases-elements.ts';
import { attentionSizes, spans } from './cases-matrix.ts';

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

/** A row's mean, inverse deviation and magnitude, as `layerNorm` has them. */
function moments(x: Given, row: number, D: number) {
  const { value, scale } = sum(D, (j) => x.at(row, j));
  const mean = value / D;
  const variance = sum(D, (j) => (x.at(row, j) - mean) ** 2).value / D;
  return { mean, inverse: 1 / Math.sqrt(variance + 1e-6), magnitude: scale / D };
}

const layerNormGradientCase: Case = {
  op: 'layerNormGradient',
  sizes: { N: small, D: size },
  attributes: () => [{ eps: 1e-6 }],
  example({ N, D, seed }) {
    const { floats } = draw(seed);
    const [x, weight, dy] = [floats([N, D]), floats([D]), floats([N, D])];
    return {
      inputs: { x, weight, dy },
      run: ({ x, weight, dy }) => layerNormGradient(x, weight, dy, 1e-6),
      shape: [N, D],
      element(row, i) {
        const { mean, inverse, magnitude } = moments(x, row, D);
        const g = (j: number) => dy.at(row, j) * weight.at(0, j);
        const normal = (j: number) => (x.at(row, j) - mean) * inverse;
        // A normalised value's error is relative to the row's magnitudes, as in layerNorm.
        const reach = (j: number) => (Math.abs(x.at(row, j)) + magnitude) * inverse;
        const [flow, slope] = [sum(D, g), sum(D, (j) => g(j) * normal(j))];
        const slopeScale = sum(D, (j) => g(j) * reach(j)).scale;
        return {
          value: (g(i) - flow.value / D - (normal(i) * slope.value) / D) * inverse,
          scale: (Math.abs(g(i)) + flow.scale / D + (reach(i) * slopeScale) / D) * inverse,
        };
      },
    };
  },
};

const layerNormWeightGradientCase: Case = {
  op: 'layerNormWeightGradient',
  sizes: { N: size, D: size },
  attributes: () => [{ eps: 1e-6 }],
  example({ N, D, seed }) {
    const { floats } = draw(seed);
    const [x, dy] = [floats([N, D]), floats([N, D])];
    const rows = Array.from({ length: N }, (_, row) => moments(x, row, D));
    return {
      inputs: { x, dy },
      run: ({ x, dy }) => layerNormWeightGradient(x, dy, 1e-6),
      shape: [1, D],
      element: (_, i) => ({
        value: sum(N, (n) => dy.at(n, i) * (x.at(n, i) - rows[n].mean) * rows[n].inverse).value,
        scale: sum(N, (n) => dy.at(n, i) * (Math.abs(x.at(n, i)) + rows[n].magnitude) * rows[n].inverse).scale,
      }),
    };
  },
};

const inverseOf = (x: Given, row: number, D: number) =>
  1 / Math.sqrt(sum(D, (j) => x.at(row, j) ** 2).value / D + 1e-6);

const rmsNormGradientCase: Case = {
  op: 'rmsNormGradient',
  sizes: { N: small, D: size },
  attributes: () => [{ eps: 1e-6 }],
  example({ N, D, seed }) {
    const { floats } = draw(seed);
    const [x, weight, dy] = [floats([N, D]), floats([D]), floats([N, D])];
    return {
      inputs: { x, weight, dy },
      run: ({ x, weight, dy }) => rmsNormGradient(x, weight, dy, 1e-6),
      shape: [N, D],
      element(row, i) {
        const inverse = inverseOf(x, row, D);
        const g = (j: number) => dy.at(row, j) * weight.at(0, j);
        const slope = sum(D, (j) => g(j) * x.at(row, j));
        const back = (mean: number) => (x.at(row, i) * inverse ** 2 * mean) / D;
        return {
          value: (g(i) - back(slope.value)) * inverse,
          scale: (Math.abs(g(i)) + Math.abs(back(slope.scale))) * inverse,
        };
      },
    };
  },
};

const rmsNormWeightGradientCase: Case = {
  op: 'rmsNormWeightGradient',
  sizes: { N: size, D: size },
  attributes: () => [{ eps: 1e-6 }],
  example({ N, D, seed }) {
    const { floats } = draw(seed);
    const [x, dy] = [floats([N, D]), floats([N, D])];
    const inverses = Array.from({ length: N }, (_, row) => inverseOf(x, row, D));
    return {
      inputs: { x, dy },
      run: ({ x, dy }) => rmsNormWeightGradient(x, dy, 1e-6),
      shape: [1, D],
      element: (_, i) => sum(N, (n) => dy.at(n, i) * x.at(n, i) * inverses[n]),
    };
  },
};

const geluGradientCase: Case = {
  op: 'geluGradient',
  sizes: { N: small, D: size, magnitude: between(0, 2).map((i) => [1, 4, 10][i]) },
  example({ N, D, magnitude, seed }) {
    const { floats } = draw(seed);
    const [x, dy] = [floats([N, D], magnitude), floats([N, D])];
    const cumulative = (value: number) => (1 + erf(value / Math.SQRT2)) / 2;
    const y = given(
      [N, D],
      Float32Array.from(x.data, (value) => value * cumulative(value)),
    );
    return {
      inputs: { x, y, dy },
      run: ({ x, y, dy }) => geluGradient(x, y, dy),
      shape: [N, D],
      element(row, column) {
        const value = x.at(row, column);
        const density = Math.exp((-value * value) / 2) / Math.sqrt(2 * Math.PI);
        const slope = cumulative(value) + value * density;
        // The exponent's rounding is relative to it; and far below 0 the reference's own 1 + erf cancels.
        const scale = cumulative(value) + Math.abs(value) * density * (1 + (value * value) / 2) + 1e-8;
        return { value: dy.at(row, column) * slope, scale: Math.abs(dy.at(row, column)) * scale };
      },
    };
  },
};

const siluGateGradientCase: Case = {
  op: 'siluGateGradient',
  sizes: { N: small, D: size, magnitude: between(0, 2).map((i) => [1, 10, 100][i]) },
  example({ N, D, magnitude, seed }) {
    const { floats } = draw(seed);
    const [x, gate, dy] = [floats([N, D]), floats([N, D], magnitude), floats([N, D])];
    return {
      inputs: { x, gate, dy },
      run: ({ x, gate, dy }) => siluGateGradient(x, gate, dy),
      shape: [N, D],
      element(row, column) {
        const g = gate.at(row, column);
        const [s, rest] = [1 / (1 + Math.exp(-g)), 1 / (1 + Math.exp(g))];
        const outer = dy.at(row, column) * x.at(row, column);
        const value = outer * s * (1 + g * rest);
        // Of a sum that cancels; and an exponent's rounding is relative to it, and matters as far as the sigmoid is from 1.
        const scale = Math.abs(outer) * s * (1 + Math.abs(g) * rest) * (1 + Math.abs(g) * rest);
        return { value, scale: g < 0 ? Math.abs(outer) * s * (1 + Math.abs(g)) ** 2 : scale };
      },
    };
  },
};

const resizeGridGradientCase: Case = {
  op: 'resizeGridGradient',
  sizes: { from: between(1, 17), to: between(1, 17), D: between(1, 9) },
  attributes: () => [{ from: 3 }],
  example({ from, to, D, seed }) {
    const dy = draw(seed).floats([to * to, D]);
    /** What each cell of a side gives to each of the result's. */
    const side = Array.from({ length: to }, (_, i) => {
      const y = ((i + 0.5) * from) / to - 0.5;
      const shares = new Array<number>(from).fill(0);
      for (let j = Math.floor(y) - 1; j <= Math.floor(y) + 2; j++) {
        shares[Math.min(Math.max(j, 0), from - 1)] += keys(y - j);
      }
      return shares;
    });
    return {
      inputs: { dy },
      run: ({ dy }) => resizeGridGradient(dy, from, to),
      shape: [from * from, D],
      element(cell, column) {
        const [row, line] = [Math.trunc(cell / from), cell % from];
        const terms = sum(to * to, (i) => side[Math.trunc(i / to)][row] * side[i % to][line] * dy.at(i, column));
        // A coordinate's rounding is relative to the grid's size.
        return {
          value: terms.value,
          scale: from * sum(to * to, (i) => dy.at(i, column) / (to * to)).scale + terms.scale * from,
        };
      },
    };
  },
};

/** Scores with their labels, of which softmax is well within float32. */
function scored(N: number, V: number, magnitude: number, seed: number) {
  const source = draw(seed);
  const [z, labels, dy] = [source.floats([N, V], magnitude), source.integers([N], 0, V - 1), source.floats([N, 1])];
  const row = (n: number) => {
    const top = Math.max(...Array.from({ length: V }, (_, v) => z.at(n, v)));
    return { top, total: sum(V, (v) => Math.exp(z.at(n, v) - top)).value };
  };
  return { z, labels, dy, row };
}
const scoredSizes = { N: small, V: size, magnitude: between(0, 2).map((i) => [1, 8, 80][i]) };

const crossEntropyCase: Case = {
  op: 'crossEntropy',
  sizes: scoredSizes,
  example({ N, V, magnitude, seed }) {
    const { z, labels, row } = scored(N, V, magnitude, seed);
    return {
      inputs: { z, labels },
      run: ({ z, labels }) => crossEntropy(z, labels),
      shape: [N, 1],
      element(n) {
        const { top, total } = row(n);
        const below = top - z.at(n, labels.at(0, n));
        return { value: Math.log(total) + below, scale: 1 + Math.log(total) + below };
      },
    };
  },
};

const crossEntropyGradientCase: Case = {
  op: 'crossEntropyGradient',
  sizes: scoredSizes,
  example({ N, V, magnitude, seed }) {
    const { z, labels, dy, row } = scored(N, V, magnitude, seed);
    return {
      inputs: { z, labels, dy },
      run: ({ z, labels, dy }) => crossEntropyGradient(z, labels, dy),
      shape: [N, V],
      element(n, v) {
        const { top, total } = row(n);
        const below = top - z.at(n, v);
        const probability = Math.exp(-below) / total;
        const hit = v === labels.at(0, n) ? 1 : 0;
        // The exponent's rounding is relative to it.
        const scale = (probability * (1 + below) + hit) * Math.abs(dy.at(n, 0));
        return { value: (probability - hit) * dy.at(n, 0), scale };
      },
    };
  },
};

export const gradientCases = [
  weightGradientCase,
  biasGradientCase,
  foldRowsCase,
  sumCase,
  sumRowsCase,
  placeColumnsCase,
  attentionKeysCase,
  softmaxGradientCase,
  attentionGradientCase,
  layerNormGradientCase,
  layerNormWeightGradientCase,
  rmsNormGradientCase,
  rmsNormWeightGradientCase,
  geluGradientCase,
  siluGateGradientCase,
  resizeGridGradientCase,
  crossEntropyCase,
  crossEntropyGradientCase,
] as const;
