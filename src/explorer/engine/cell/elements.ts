import { vector } from './products.ts';
import { cell, term, type Unfold } from './sum.ts';

/** `y = x + a`, where the rows of `a` repeat when it has fewer. */
export const add: Unfold = async ({ x, addend }, { M }, row, column) => ({
  terms: [
    term([cell('x', row, column, (await x.row(row))[column])]),
    term([cell('addend', row % M, column, (await addend.row(row % M))[column])]),
  ],
});

/** `y = x / divisor` */
export const divide: Unfold = async ({ x }, { divisor }, row, column) => ({
  steps: [{ name: 'divisor', value: divisor }],
  terms: [term([cell('x', row, column, (await x.row(row))[column])], 1 / divisor)],
});

/** `y[i] = x[i] · factor[i]` */
export const scaleRows: Unfold = async ({ x, factor }, _, row, column) => ({
  terms: [term([cell('x', row, column, (await x.row(row))[column]), await vector(factor, 'factor', row)])],
});

/** `y = x/2 + x/2 · erf(x/√2)`: far below 0 the two cancel, and what rounding leaves is relative to either. */
export const gelu: Unfold = async ({ x }, _, row, column) => {
  const value = (await x.row(row))[column];
  const from = [cell('x', row, column, value)];
  const error = erf(value / Math.SQRT2);
  return { steps: [{ name: 'erf(x/√2)', value: error }], terms: [term(from, 1 / 2), term(from, error / 2)] };
};

/** `y = x · gate / (1 + exp(−gate))` */
export const siluGate: Unfold = async ({ x, gate }, _, row, column) => {
  const [value, g] = [(await x.row(row))[column], (await gate.row(row))[column]];
  const share = 1 / (1 + Math.exp(-g));
  return {
    steps: [{ name: '1 / (1 + exp(−gate))', value: share }],
    terms: [term([cell('x', row, column, value), cell('gate', row, column, g)], share)],
  };
};

/** `y = x · cos + concat(−x₂, x₁) · sin` in every head. */
export const rotary: Unfold = async ({ cos, sin, x }, { d }, row, column) => {
  const [values, at] = [await x.row(row), column % d];
  const sign = at < d / 2 ? -1 : 1;
  const other = column - (sign * d) / 2;
  return {
    terms: [
      term([cell('x', row, column, values[column]), cell('cos', row, at, (await cos.row(row))[at])]),
      term([cell('x', row, other, values[other]), cell('sin', row, at, (await sin.row(row))[at])], sign),
    ],
  };
};

/**
 * The error function by its series of terms of one sign, `2/√π · exp(−z²) · Σ 2ⁿ z²ⁿ⁺¹ / (1·3·5 … (2n+1))` (Abramowitz and Stegun 1964,
 * 7.1.6), to float64's last digits; 1 from 6 on, where it differs by 2e-17.
 */
function erf(z: number): number {
  if (Math.abs(z) > 6 || Number.isNaN(z)) return Math.sign(z);
  let [term, series] = [z, 0];
  for (let n = 1; Math.abs(term) > 1e-18 * Math.abs(series); n++) {
    series += term;
    term *= (2 * z * z) / (2 * n + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-z * z) * series;
}
