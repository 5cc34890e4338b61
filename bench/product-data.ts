/** Numbers for the products of all engines: the same for everyone who asks, within ±½. */
const element = (index: number): number => ((index * 7919) % 2003) / 2003 - 0.5;

/** Products of bfloat16 and of float32 weights have the same weights: those of bfloat16 have 8 bits. */
const weight = (index: number): number => (((index * 7919) % 251) - 125) / 256;

export interface Shape {
  readonly M: number;
  readonly K: number;
  readonly N: number;
}

export const xData = ({ M, K }: Shape): Float32Array => Float32Array.from({ length: M * K }, (_, i) => element(i));

/** `[N, K]`, as PyTorch stores the weights of a linear layer. */
export function weightData({ K, N }: Shape): Float32Array {
  const w = new Float32Array(N * K);
  for (let i = 0; i < w.length; i++) w[i] = weight(i);
  return w;
}

/** `[K, N]`, as others want it. */
export function transposedWeightData({ K, N }: Shape): Float32Array {
  const w = new Float32Array(K * N);
  for (let n = 0; n < N; n++) for (let k = 0; k < K; k++) w[k * N + n] = weight(n * K + k);
  return w;
}

/** Some elements of the product, all over it. */
export const sampledIndices = ({ M, N }: Shape): number[] =>
  Array.from({ length: 200 }, (_, i) => ((i * 31) % M) * N + ((i * 9973) % N));

/** @throws Error when sampled elements are not those of the product, computed in float64 */
export function checkSamples(name: string, shape: Shape, samples: ArrayLike<number>): void {
  const { K, N } = shape;
  for (const [at, index] of sampledIndices(shape).entries()) {
    const [m, n] = [Math.floor(index / N), index % N];
    let [sum, scale] = [0, 0];
    for (let k = 0; k < K; k++) {
      const term = Math.fround(element(m * K + k)) * weight(n * K + k);
      sum += term;
      scale += Math.abs(term);
    }
    const error = Math.abs(samples[at] - sum) / scale;
    if (!(error < 16 * 2 ** -24)) throw new Error(`${name}: [${m},${n}] is ${samples[at]}, expected ${sum}`);
  }
}
