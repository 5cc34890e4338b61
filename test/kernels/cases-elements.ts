import { add } from '../../kernels/add.ts';
import { argmax } from '../../kernels/argmax.ts';
import { gelu } from '../../kernels/gelu.ts';
import { divide, scaleRows } from '../../kernels/scale.ts';
import { siluGate } from '../../kernels/silu-gate.ts';
import { memoryRoof, memoryRoofAbreast, multiplyAddRoof } from '../../src/profile/roof-kernels.ts';
import { between, type Case, draw, exactly, given, size, small, sum } from './case.ts';

const addCase: Case = {
  op: 'add',
  sizes: { B: between(1, 4), M: small, D: size },
  example({ B, M, D, seed }) {
    const { floats } = draw(seed);
    const [x, addend] = [floats([B * M, D]), floats([M, D])];
    return {
      inputs: { x, addend },
      run: ({ x, addend }) => add(x, addend),
      shape: [B * M, D],
      element: (row, column) => exactly(x.at(row, column) + addend.at(row % M, column)),
    };
  },
};

const divideCase: Case = {
  op: 'divide',
  sizes: { N: small, D: size, d: between(1, 128) },
  attributes: () => [{ divisor: 3 }],
  example({ N, D, d, seed }) {
    const x = draw(seed).floats([N, D]);
    return {
      inputs: { x },
      run: ({ x }) => divide(x, Math.sqrt(d)),
      shape: [N, D],
      element: (row, column) => exactly(x.at(row, column) / Math.sqrt(d)),
    };
  },
};

const scaleRowsCase: Case = {
  op: 'scaleRows',
  sizes: { N: size, D: size },
  example({ N, D, seed }) {
    const { floats } = draw(seed);
    const [x, factor] = [floats([N, D]), floats([N])];
    return {
      inputs: { x, factor },
      run: ({ x, factor }) => scaleRows(x, factor),
      shape: [N, D],
      element: (row, column) => exactly(x.at(row, column) * factor.at(0, row)),
    };
  },
};

/** erf(z) = 2/√π · exp(−z²) · Σ 2ⁿ z²ⁿ⁺¹ / (1·3·5 … (2n+1)): all terms of one sign, so nothing cancels. */
export function erf(z: number): number {
  let term = z;
  let series = 0;
  for (let n = 1; n < 400; n++) {
    series += term;
    term *= (2 * z * z) / (2 * n + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-z * z) * series;
}

const geluCase: Case = {
  op: 'gelu',
  sizes: { N: small, D: size, magnitude: between(0, 2).map((i) => [1, 4, 10][i]) },
  example({ N, D, magnitude, seed }) {
    const x = draw(seed).floats([N, D], magnitude);
    return {
      inputs: { x },
      run: ({ x }) => gelu(x),
      shape: [N, D],
      element(row, column) {
        const value = x.at(row, column);
        return { value: (value / 2) * (1 + erf(value / Math.SQRT2)), scale: Math.abs(value) }; // 1 + erf cancels
      },
    };
  },
};

const siluGateCase: Case = {
  op: 'siluGate',
  sizes: { N: small, D: size, magnitude: between(0, 2).map((i) => [1, 10, 100][i]) },
  example({ N, D, magnitude, seed }) {
    const { floats } = draw(seed);
    const [x, gate] = [floats([N, D]), floats([N, D], magnitude)];
    return {
      inputs: { x, gate },
      run: ({ x, gate }) => siluGate(x, gate),
      shape: [N, D],
      element(row, column) {
        const g = gate.at(row, column);
        const value = (x.at(row, column) * g) / (1 + Math.exp(-g));
        // An exponent's rounding is relative to it, and matters as far as the sigmoid is from 1.
        return { value, scale: Math.abs(value) * (1 + Math.abs(g) / (1 + Math.exp(g))) };
      },
    };
  },
};

const argmaxCase: Case = {
  op: 'argmax',
  // Few levels: several elements are the largest, zeros of both signs among them.
  sizes: { N: small, V: size, levels: between(0, 50), broken: between(0, 2) },
  example({ N, V, levels, broken, seed }) {
    const { integers, integer } = draw(seed);
    const whole = integers([N, V], -levels, levels);
    const x = given(
      [N, V],
      Float32Array.from(whole.data, (value, i) => (value === 0 && i % 2 === 1 ? -0 : value)),
    );
    for (let i = 0; i < broken; i++) x.data[integer(0, N * V - 1)] = BROKEN[integer(0, BROKEN.length - 1)];
    return {
      inputs: { x },
      run: ({ x }) => argmax(x),
      shape: [1, N],
      element(_, row) {
        const elements = Array.from({ length: V }, (_, column) => x.at(row, column));
        return exactly(elements.every(Number.isFinite) ? elements.indexOf(Math.max(...elements)) : -1);
      },
    };
  },
};

const BROKEN = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];

const multiplyAddRoofCase: Case = {
  op: 'multiplyAddRoof',
  sizes: { N: small, D: size, turns: between(0, 40) },
  attributes: () => [{ turns: 2 }],
  example({ N, D, turns, seed }) {
    const x = draw(seed).floats([N, D]);
    return {
      inputs: { x },
      run: ({ x }) => multiplyAddRoof(x, turns),
      shape: [N, D],
      // s ↦ s/2 + 1 draws everything to 2, each turn half of the way.
      element: (row, column) => sum(12, (i) => 2 + (x.at(row, column) + i - 2) * 2 ** -turns),
    };
  },
};

const memoryRoofCase: Case = {
  op: 'memoryRoof',
  sizes: { N: small, R: between(1, 3), D: between(1, 300), turns: between(1, 3) },
  attributes: () => [{ turns: 2 }],
  example({ N, R, D, turns, seed }) {
    const x = draw(seed).floats([N * R, D]);
    return {
      inputs: { x },
      run: ({ x }) => memoryRoof(x, R, turns),
      shape: [N, 1],
      element: (row) => sum(turns * R * D, (j) => x.at(row * R + (Math.trunc(j / D) % R), j % D)),
    };
  },
};

const memoryRoofAbreastCase: Case = {
  op: 'memoryRoofAbreast',
  sizes: { N: small, R: between(1, 9), D: between(1, 60), turns: between(1, 5), stride: between(1, 8) },
  attributes: ({ N }) => [{ turns: 2, stride: N }],
  example({ N, R, D, turns, stride: any, seed }) {
    const x = draw(seed).floats([N * R, D]);
    const stride = 1 + (any % N);
    const part = (n: number, turn: number) => (n + turn * stride) % N;
    return {
      inputs: { x },
      run: ({ x }) => memoryRoofAbreast(x, R, turns, stride),
      shape: [N, D],
      element: (n, column) => sum(turns * R, (i) => x.at(part(n, Math.trunc(i / R)) * R + (i % R), column)),
    };
  },
};

export const elementCases = [
  addCase,
  divideCase,
  scaleRowsCase,
  geluCase,
  siluGateCase,
  argmaxCase,
  multiplyAddRoofCase,
  memoryRoofCase,
  memoryRoofAbreastCase,
] as const;
