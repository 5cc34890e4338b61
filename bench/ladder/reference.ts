import { erf } from '../../test/simd/erf.ts';
import type { Problem, Rung } from './rung.ts';

/** Roundings of the sum of magnitudes: sums run over 4,096 terms, in four lanes or one. */
const MOST_ROUNDINGS = 16;

const gelu = (x: number): number => (x / 2) * (1 + erf(x * Math.SQRT1_2));

/**
 * Compares results with the equation in float64.
 *
 * @param y `[M, N]`
 * @param indices which of its elements
 * @throws Error naming the first that is not what it should be
 */
export function checkResult(
  { name, epilogue }: Pick<Rung, 'name' | 'epilogue'>,
  { M, K, N, x, w, bias }: Problem,
  y: ArrayLike<number>,
  indices: Iterable<number>,
): void {
  if (y.length !== M * N) throw new Error(`${name}: ${y.length} results, expected ${M * N}`);
  for (const index of indices) {
    const [m, n] = [Math.floor(index / N), index % N];
    let sum = epilogue ? bias[n] : 0;
    let scale = Math.abs(sum);
    for (let k = 0; k < K; k++) {
      const term = x[m * K + k] * w[n * K + k];
      sum += term;
      scale += Math.abs(term);
    }
    const expected = epilogue === 'gelu' ? gelu(sum) : sum;
    const error = Math.abs(y[index] - expected);
    if (!(error <= MOST_ROUNDINGS * 2 ** -24 * scale)) {
      throw new Error(`${name}: y[${m},${n}] is ${y[index]}, expected ${expected}`);
    }
  }
}

/** Some elements of `[M, N]`, all over it and at its end. */
export const samples = (M: number, N: number): number[] => [
  ...Array.from({ length: 200 }, (_, i) => ((i * 31) % M) * N + ((i * 9973) % N)),
  M * N - 1,
];
