import { adamStep, clipFactor, firstMoment, secondMoment, sumOfSquares } from '../../kernels/adam.ts';
import { between, type Case, type Draw, draw, exactly, type Given, given, size, small, sum } from './case.ts';

/** A tensor's shape of one to three dimensions, and the matrix that kernels see. */
const shapeSizes = { N: small, D: size, rank: between(1, 3) };
const shapeOf = ({ N, D, rank }: Readonly<Record<string, number>>): readonly number[] =>
  [[N * D], [N, D], [N, 1, D]][rank - 1];
const matrixOf = ({ N, D, rank }: Readonly<Record<string, number>>): readonly [number, number] =>
  rank === 1 ? [1, N * D] : [N, D];

const squares = (of: Given): Given => given(of.shape, of.data.map((value) => value * value) as Float32Array);
const factorOf = ({ floats }: Draw): Given => squares(floats([1, 1]));

const firstMomentCase: Case = {
  op: 'firstMoment',
  sizes: shapeSizes,
  attributes: () => [{ beta: 0.9, rest: 0.1 }],
  example(sizes) {
    const source = draw(sizes.seed);
    const [m, gradient, factor] = [source.floats(shapeOf(sizes)), source.floats(shapeOf(sizes)), factorOf(source)];
    return {
      inputs: { m, gradient, factor },
      run: ({ m, gradient, factor }) => firstMoment(m, gradient, factor, 0.9),
      shape: matrixOf(sizes),
      element: (row, i) =>
        sum(2, (term) => (term === 0 ? 0.9 * m.at(row, i) : (1 - 0.9) * gradient.at(row, i) * factor.at(0, 0))),
    };
  },
};

const secondMomentCase: Case = {
  op: 'secondMoment',
  sizes: shapeSizes,
  attributes: () => [{ beta: 0.9, rest: 0.1 }],
  example(sizes) {
    const source = draw(sizes.seed);
    const [gradient, factor] = [source.floats(shapeOf(sizes)), factorOf(source)];
    const v = squares(source.floats(shapeOf(sizes)));
    return {
      inputs: { v, gradient, factor },
      run: ({ v, gradient, factor }) => secondMoment(v, gradient, factor, 0.98),
      shape: matrixOf(sizes),
      element: (row, i) =>
        sum(2, (term) =>
          term === 0 ? 0.98 * v.at(row, i) : (1 - 0.98) * (gradient.at(row, i) * factor.at(0, 0)) ** 2,
        ),
    };
  },
};

const adamStepCase: Case = {
  op: 'adamStep',
  sizes: { ...shapeSizes, step: between(1, 300) },
  attributes: () => [{ keep: 0.9, rate: 0.1, correction: 0.5, eps: 1e-6 }],
  example(sizes) {
    const { floats } = draw(sizes.seed);
    const shape = shapeOf(sizes);
    const [weight, m, v] = [floats(shape), floats(shape), squares(floats(shape))];
    const of = { rate: 3e-3, decay: 0.05, step: sizes.step, beta1: 0.9, beta2: 0.98, eps: 1e-6 };
    return {
      inputs: { weight, m, v },
      run: ({ weight, m, v }) => adamStep(weight, m, v, of),
      shape: matrixOf(sizes),
      element(row, i) {
        const mean = m.at(row, i) / (1 - of.beta1 ** of.step);
        const deviation = Math.sqrt(v.at(row, i) / (1 - of.beta2 ** of.step)) + of.eps;
        const decayed = weight.at(row, i) * (1 - of.rate * of.decay);
        return sum(2, (term) => (term === 0 ? decayed : (-of.rate * mean) / deviation));
      },
    };
  },
};

const sumOfSquaresCase: Case = {
  op: 'sumOfSquares',
  sizes: { ...shapeSizes, N: size },
  example(sizes) {
    const x = draw(sizes.seed).floats(shapeOf(sizes));
    const [rows, columns] = matrixOf(sizes);
    return {
      inputs: { x },
      run: ({ x }) => sumOfSquares(x),
      shape: [1, 1],
      element() {
        const { value } = sum(rows * columns, (i) => x.at(0, i) ** 2); // row 0 goes on into the others
        // Of one sign, partial sums are as large as the sum. Their roundings are of either sign: they add up as the root of their number.
        const partial = [rows, columns].reduce((count, length) => count + Math.min(32, length) + length / 32, 0);
        return { value, scale: value * Math.sqrt(partial) };
      },
    };
  },
};

const clipFactorCase: Case = {
  op: 'clipFactor',
  sizes: { magnitude: between(0, 4).map((i) => [0, 1e-6, 1, 100, 1e12][i]) },
  attributes: () => [{ most: 1 }],
  example({ magnitude, seed }) {
    const squares = given([1, 1], Float32Array.of(Math.abs(draw(seed).floats([1, 1], magnitude).data[0])));
    return {
      inputs: { squares },
      run: ({ squares }) => clipFactor(squares, 0.5),
      shape: [1, 1],
      element: () => exactly(Math.min(1, 0.5 / (Math.sqrt(squares.at(0, 0)) + 1e-6))),
    };
  },
};

export const optimiserCases = [
  firstMomentCase,
  secondMomentCase,
  adamStepCase,
  sumOfSquaresCase,
  clipFactorCase,
] as const;
