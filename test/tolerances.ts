/** What differs between devices in one kernel: the precision of sums, division, square roots and `exp`. */
export type Family = 'cpu' | 'webasm' | 'shader';

export function familyOf(device: string): Family {
  if (device === 'simd') return 'webasm'; // float32 with the same sums in blocks
  return device === 'cpu' || device === 'webasm' ? device : 'shader';
}

/**
 * `|a − b| ≤ absolute · scale + relative · |b|`, b the float64 reference and `scale` the natural one of the element, such as
 * the sum of the magnitudes of a sum's terms.
 */
export interface Tolerance {
  readonly absolute: number;
  readonly relative: number;
}

/** Smaller than this, a result may be 0: float32 ends at 2⁻¹²⁶, and a factor of 100 may follow what was lost there. */
export const UNDERFLOW = 2 ** -119;

/** One rounding to float32 errs by at most this share of the value. */
const u = 2 ** -24;

const exact: Tolerance = { absolute: 0, relative: 0 };

/** So many roundings of the value, and what float64 arithmetic loses before them. */
const roundings = (count: number): Tolerance => ({ absolute: u / 1000, relative: count * u });

/** An error relative to the scale. */
const ofScale = (count: number): Tolerance => ({ absolute: count * u, relative: 0 });

/**
 * `cpu` computes in float64 and rounds once, when a result is read. `webasm` is float32 throughout, with the host's `exp`.
 * Shaders are float32 with their own `exp` (measured on SwiftShader, as all the others) and a division good to 2.5 ulp.
 * Where sums are concerned the numbers are about twice the worst that was measured in thousands of examples.
 */
export const tolerances = {
  // Moved, not computed.
  append: { cpu: exact, webasm: exact, shader: exact },
  argmax: { cpu: exact, webasm: exact, shader: exact },
  columns: { cpu: exact, webasm: exact, shader: exact },
  gatherRows: { cpu: exact, webasm: exact, shader: exact },
  patches: { cpu: exact, webasm: exact, shader: exact },
  splice: { cpu: exact, webasm: exact, shader: exact },
  zeros: { cpu: exact, webasm: exact, shader: exact },
  placeColumns: { cpu: exact, webasm: exact, shader: exact },
  addColumns: { cpu: roundings(1), webasm: roundings(1), shader: roundings(1) },

  // Halves and ones are added exactly but for the last bits; rows are summed without blocks.
  multiplyAddRoof: { cpu: roundings(1), webasm: ofScale(8), shader: ofScale(8) },
  memoryRoof: { cpu: roundings(1), webasm: ofScale(16), shader: ofScale(16) },
  memoryRoofAbreast: { cpu: roundings(1), webasm: ofScale(16), shader: ofScale(16) },

  // One operation: one rounding everywhere.
  add: { cpu: roundings(1), webasm: roundings(1), shader: roundings(1) },
  sum: { cpu: roundings(1), webasm: roundings(1), shader: roundings(1) },
  scaleRows: { cpu: roundings(1), webasm: roundings(1), shader: roundings(1) },
  // The divisor is rounded first.
  divide: { cpu: roundings(1), webasm: roundings(2), shader: roundings(6) },
  // Two products and their sum.
  rotary: { cpu: roundings(1), webasm: ofScale(2.01), shader: ofScale(2.01) },

  // A few products and their sum, then a quotient.
  firstMoment: { cpu: roundings(1), webasm: ofScale(4), shader: ofScale(4) },
  secondMoment: { cpu: roundings(1), webasm: ofScale(5), shader: ofScale(5) },
  adamStep: { cpu: roundings(1), webasm: ofScale(6), shader: ofScale(10) },
  clipFactor: { cpu: roundings(1), webasm: roundings(4), shader: roundings(10) },
  // The scale grows as the roundings of a sum of one sign: measured 1.0 of it, whatever the length.
  sumOfSquares: { cpu: roundings(1), webasm: ofScale(2), shader: ofScale(2) },

  // Sums in blocks of 32: at most about 32 + K/32 roundings of partial sums, which rarely have one sign.
  linear: { cpu: roundings(1), webasm: ofScale(8), shader: ofScale(8) },
  matmul: { cpu: roundings(1), webasm: ofScale(8), shader: ofScale(8) },
  attentionValues: { cpu: roundings(1), webasm: ofScale(8), shader: ofScale(8) },
  attentionKeys: { cpu: roundings(1), webasm: ofScale(8), shader: ofScale(8) },
  weightGradient: { cpu: roundings(1), webasm: ofScale(8), shader: ofScale(8) },
  biasGradient: { cpu: roundings(1), webasm: ofScale(8), shader: ofScale(8) },
  foldRows: { cpu: roundings(1), webasm: ofScale(8), shader: ofScale(8) },
  sumRows: { cpu: roundings(1), webasm: ofScale(8), shader: ofScale(8) },
  // Scores, softmax and values together, where scores are within a few.
  attention: { cpu: roundings(1), webasm: ofScale(24), shader: ofScale(24) },
  // One sum over the head's size, then a division.
  attentionScores: { cpu: roundings(1), webasm: ofScale(10), shader: ofScale(10) },

  // The same five products and the softmax between them.
  attentionGradient: { cpu: roundings(1), webasm: ofScale(24), shader: ofScale(24) },
  softmaxGradient: { cpu: roundings(1), webasm: ofScale(8), shader: ofScale(8) },
  // Between kernels the mean and the inverse are float32 too, but on `cpu`.
  layerNorm: { cpu: roundings(1), webasm: ofScale(10), shader: ofScale(10) },
  rmsNorm: { cpu: roundings(1), webasm: ofScale(10), shader: ofScale(10) },
  layerNormGradient: { cpu: roundings(1), webasm: ofScale(10), shader: ofScale(10) },
  layerNormWeightGradient: { cpu: roundings(1), webasm: ofScale(10), shader: ofScale(10) },
  rmsNormGradient: { cpu: roundings(1), webasm: ofScale(10), shader: ofScale(10) },
  rmsNormWeightGradient: { cpu: roundings(1), webasm: ofScale(10), shader: ofScale(10) },
  // So is the sum of exponentials; the scale allows for the rounding of the exponent.
  softmax: { cpu: roundings(1), webasm: ofScale(16), shader: ofScale(16) },
  crossEntropy: { cpu: roundings(1), webasm: ofScale(16), shader: ofScale(16) },
  crossEntropyGradient: { cpu: roundings(1), webasm: ofScale(16), shader: ofScale(16) },
  siluGate: { cpu: roundings(1), webasm: ofScale(6), shader: ofScale(8) },
  siluGateGradient: { cpu: roundings(1), webasm: ofScale(10), shader: ofScale(12) },
  // It is given gelu(x) in float32: a rounding of Φ on every device, and that of the result.
  geluGradient: { cpu: ofScale(2), webasm: ofScale(8), shader: ofScale(10) },
  // The rational approximation is good to 1e-9 of |x|.
  gelu: { cpu: { absolute: 1e-9, relative: u }, webasm: ofScale(4), shader: ofScale(5) },
  // The scale has every weight's rounding, along either side: measured 2.0 of it both ways, the same on all of float32.
  resizeGrid: { cpu: roundings(1), webasm: ofScale(4), shader: ofScale(4) },
  resizeGridGradient: { cpu: roundings(1), webasm: ofScale(4), shader: ofScale(4) },
} as const satisfies Record<string, Record<Family, Tolerance>>;

export type OpName = keyof typeof tolerances;
