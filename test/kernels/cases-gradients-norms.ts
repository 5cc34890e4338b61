import { layerNormGradient, layerNormWeightGradient } from '../../kernels/layer-norm.ts';
import { rmsNormGradient, rmsNormWeightGradient } from '../../kernels/rms-norm.ts';
import { type Case, draw, type Given, size, small, sum } from './case.ts';

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
          // What flows back has the inverse three times, and so three times its error.
          scale: (Math.abs(g(i)) + 3 * Math.abs(back(slope.scale))) * inverse,
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

export const normGradientCases = [
  layerNormGradientCase,
  layerNormWeightGradientCase,
  rmsNormGradientCase,
  rmsNormWeightGradientCase,
] as const;
