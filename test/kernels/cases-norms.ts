import { layerNorm } from '../../kernels/layer-norm.ts';
import { rmsNorm } from '../../kernels/rms-norm.ts';
import { between, type Case, draw, exactly, type Given, given, size, small, sum } from './case.ts';

const moved = ({ shape, data }: Given, by: number): Given =>
  given(
    shape,
    data.map((value: number) => value + by),
  );

/** How far rows lie from 0, whose elements are within 1 of each other: a variance from mean(x²) − mean² loses all its digits. */
const mean = between(0, 2).map((i) => [0, 100, 100_000][i]);

const layerNormCase: Case = {
  op: 'layerNorm',
  sizes: { N: small, D: size, mean },
  attributes: () => [{ eps: 1e-6 }],
  example({ N, D, mean, seed }) {
    const { floats } = draw(seed);
    const [x, weight, bias] = [moved(floats([N, D]), mean), floats([D]), floats([D])];
    return {
      inputs: { x, weight, bias },
      run: ({ x, weight, bias }) => layerNorm(x, weight, bias, 1e-6),
      shape: [N, D],
      element(row, i) {
        const mean = sum(D, (j) => x.at(row, j)).value / D;
        const variance = sum(D, (j) => (x.at(row, j) - mean) ** 2).value / D;
        const gain = weight.at(0, i) / Math.sqrt(variance + 1e-6);
        const value = (x.at(row, i) - mean) * gain + bias.at(0, i);
        // The mean's rounding is relative to the row's magnitudes, however close together its elements are.
        const magnitude = sum(D, (j) => x.at(row, j)).scale / D;
        const scale = (Math.abs(x.at(row, i)) + magnitude) * Math.abs(gain) + Math.abs(bias.at(0, i));
        return { value, scale };
      },
    };
  },
};

const rmsNormCase: Case = {
  op: 'rmsNorm',
  sizes: { N: small, D: size, mean },
  attributes: () => [{ eps: 1e-6 }],
  example({ N, D, mean, seed }) {
    const { floats } = draw(seed);
    const [x, weight] = [moved(floats([N, D]), mean), floats([D])];
    return {
      inputs: { x, weight },
      run: ({ x, weight }) => rmsNorm(x, weight, 1e-6),
      shape: [N, D],
      element(row, i) {
        const square = sum(D, (j) => x.at(row, j) ** 2).value / D;
        return exactly((x.at(row, i) / Math.sqrt(square + 1e-6)) * weight.at(0, i));
      },
    };
  },
};

export const normCases = [layerNormCase, rmsNormCase] as const;
