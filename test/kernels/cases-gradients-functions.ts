import { crossEntropy, crossEntropyGradient } from '../../kernels/cross-entropy.ts';
import { geluGradient } from '../../kernels/gelu.ts';
import { siluGateGradient } from '../../kernels/silu-gate.ts';
import { between, type Case, draw, given, size, small, sum } from './case.ts';
import { erf } from './cases-elements.ts';

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

/** Of functions of single elements, of the resized table, and of the loss. */
export const functionGradientCases = [
  geluGradientCase,
  siluGateGradientCase,
  crossEntropyCase,
  crossEntropyGradientCase,
] as const;
