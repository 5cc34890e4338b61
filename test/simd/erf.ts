/** The error function in float64: by its alternating series near 0, beyond by the continued fraction of erfc (Abramowitz and Stegun 7.1.5 and 7.1.14). */
export function erf(x: number): number {
  if (x === 0) return x; // −0 too
  const size = Math.abs(x);
  if (!(size >= 2)) {
    let [sum, power] = [x, x];
    for (let n = 1; n < 60; n++) {
      power *= (-x * x) / n;
      sum += power / (2 * n + 1);
    }
    return (2 / Math.sqrt(Math.PI)) * sum;
  }
  let fraction = size;
  for (let n = 80; n > 0; n--) fraction = size + n / 2 / fraction;
  return Math.sign(x) * (1 - Math.exp(-size * size) / (fraction * Math.sqrt(Math.PI)));
}
