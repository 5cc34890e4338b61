/** An affine map of the plane: `x' = a x + c y + e`, `y' = b x + d y + f`. */
export type Affine = readonly [a: number, b: number, c: number, d: number, e: number, f: number];
export type Place = readonly [x: number, y: number];

export const apply = ([a, b, c, d, e, f]: Affine, [x, y]: Place): [number, number] => [
  a * x + c * y + e,
  b * x + d * y + f,
];

/** What is done after `inner`. */
export function after([a, b, c, d, e, f]: Affine, [p, q, r, s, t, u]: Affine): Affine {
  return [a * p + c * q, b * p + d * q, a * r + c * s, b * r + d * s, a * t + c * u + e, b * t + d * u + f];
}

/** @param degrees clockwise, since y points down */
export function turn(degrees: number, scaleX: number, scaleY: number, slant = 0): Affine {
  const [c, s] = [Math.cos((degrees * Math.PI) / 180), Math.sin((degrees * Math.PI) / 180)];
  return after([c, s, -s, c, 0, 0], [scaleX, 0, slant * scaleY, scaleY, 0, 0]);
}

export const shift = (x: number, y: number): Affine => [1, 0, 0, 1, x, y];

export function inverse([a, b, c, d, e, f]: Affine): Affine {
  const determinant = a * d - b * c;
  const [p, q, r, s] = [d / determinant, -b / determinant, -c / determinant, a / determinant];
  return [p, q, r, s, -(p * e + r * f), -(q * e + s * f)];
}

/** The box around points: left, top, right, bottom. */
export function boundsOf(points: readonly Place[]): [number, number, number, number] {
  let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
  for (const [x, y] of points) {
    [left, right] = [Math.min(left, x), Math.max(right, x)];
    [top, bottom] = [Math.min(top, y), Math.max(bottom, y)];
  }
  return [left, top, right, bottom];
}
