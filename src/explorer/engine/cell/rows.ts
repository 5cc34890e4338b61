import { vector } from './products.ts';
import { cell, type Term, term, total, type Unfold } from './sum.ts';

/** The cells of a row, each made a term. */
const termsOf = (input: string, row: number, values: ArrayLike<number>, made: (value: number) => number): Term[] =>
  Array.from(values, (value, column) => ({ cells: [cell(input, row, column, value)], value: made(value) }));

/** `y = (x − mean) / √(variance + eps) · weight + bias`, the difference taken apart. */
export const layerNorm: Unfold = async ({ x, weight, bias }, { D, eps }, row, column) => {
  const values = await x.row(row);
  const sum = termsOf('x', row, values, (value) => value / D);
  const mean = total(sum);
  const squares = termsOf('x', row, values, (value) => (value - mean) ** 2 / D);
  const variance = total(squares);
  const inverse = 1 / Math.sqrt(variance + eps);
  const [gain, shift] = [await vector(weight, 'weight', column), await vector(bias, 'bias', column)];
  const magnitude = sum.reduce((sum, { value }) => sum + Math.abs(value), 0);
  return {
    steps: [
      { name: 'mean', value: mean, terms: sum },
      { name: 'variance', value: variance, terms: squares },
      { name: '1 / √(variance + eps)', value: inverse },
    ],
    terms: [
      term([cell('x', row, column, values[column]), gain], inverse),
      term([gain], -mean * inverse),
      term([shift]),
    ],
    // The mean's rounding is relative to the elements, which may be far larger than it.
    scale: inverse * Math.abs(gain.value) * (Math.abs(values[column]) + magnitude) + Math.abs(shift.value),
  };
};

/** `y = x / √(mean(x²) + eps) · weight` */
export const rmsNorm: Unfold = async ({ x, weight }, { D, eps }, row, column) => {
  const values = await x.row(row);
  const squares = termsOf('x', row, values, (value) => value ** 2 / D);
  const mean = total(squares);
  const inverse = 1 / Math.sqrt(mean + eps);
  return {
    steps: [
      { name: 'mean(x²)', value: mean, terms: squares },
      { name: '1 / √(mean(x²) + eps)', value: inverse },
    ],
    terms: [term([cell('x', row, column, values[column]), await vector(weight, 'weight', column)], inverse)],
  };
};

/** `y[j] = exp(x[j] − max) / Σ exp(x − max)` over the keys that a row sees, 0 over the rest. */
export const softmax: Unfold = async ({ span, x }, { N }, row, column) => {
  const [, count] = await span.row(row % N);
  const seen = { name: 'keys that the row sees', value: count };
  if (column >= count) return { steps: [seen], terms: [] };
  const scores = Array.from(await x.row(row)).slice(0, count);
  const largest = scores.reduce((most, score) => Math.max(most, score), Number.NEGATIVE_INFINITY);
  const exponentials = termsOf('x', row, scores, (score) => Math.exp(score - largest));
  const sum = total(exponentials);
  const value = exponentials[column].value / sum;
  return {
    steps: [
      seen,
      { name: 'max', value: largest },
      { name: 'Σ exp(x − max)', value: sum, terms: exponentials },
      { name: 'exp(x − max)', value: exponentials[column].value },
    ],
    terms: [{ cells: exponentials[column].cells, value }],
    // An exponent's rounding is relative to it.
    scale: value * (1 + Math.abs(scores[column]) + Math.abs(largest)),
  };
};
