/**
 * The polynomial of this degree that equals `f` at the Chebyshev nodes of [from, to]: within a small factor of the best
 * there is (Trefethen 2013, Approximation Theory and Approximation Practice, theorem 7.2). So a kernel's coefficients
 * are computed from the equation they stand for, when the module is made.
 *
 * @returns the coefficients, the constant first
 */
export function interpolate(f: (x: number) => number, degree: number, from: number, to: number): number[] {
  const nodes = Array.from({ length: degree + 1 }, (_, i) => {
    const cosine = Math.cos((Math.PI * (2 * i + 1)) / (2 * degree + 2));
    return (from + to) / 2 + ((to - from) / 2) * cosine;
  });
  // Newton's divided differences, in place …
  const differences = nodes.map(f);
  for (let order = 1; order <= degree; order++) {
    for (let i = degree; i >= order; i--) {
      differences[i] = (differences[i] - differences[i - 1]) / (nodes[i] - nodes[i - order]);
    }
  }
  // … then multiplied out by Horner's rule: p ← p · (x − node) + difference.
  let coefficients = [differences[degree]];
  for (let i = degree - 1; i >= 0; i--) {
    const shifted = [0, ...coefficients];
    coefficients = shifted.map((c, power) => c - nodes[i] * (coefficients[power] ?? 0));
    coefficients[0] += differences[i];
  }
  return coefficients;
}

/**
 * The error function, by its series `2/√π · exp(−x²) · Σ 2ⁿ x²ⁿ⁺¹ / (1·3·…·(2n+1))` (Abramowitz and Stegun 1964,
 * 7.1.6). All terms have one sign, so float64 keeps about 15 digits. For |x| ≤ 6.
 */
export function erf(x: number): number {
  let term = x;
  let sum = 0;
  for (let n = 0; sum + term !== sum; n++) {
    sum += term;
    term *= (2 * x * x) / (2 * n + 3);
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
}
