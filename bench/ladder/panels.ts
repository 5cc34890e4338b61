/**
 * Weights `[N, K]` as panels `[⌈N/width⌉, K, width]`: the weights of `width` outputs for one k lie side by side, in the order in
 * which a product reads them (see kernels/simd/pack.ts). Outputs beyond N are zeros.
 */
export function panels<T extends Float32Array | Uint16Array>(w: T, N: number, K: number, width: number): T {
  const packed = new (w.constructor as new (length: number) => T)(Math.ceil(N / width) * K * width);
  for (let n = 0; n < N; n++) {
    const to = (n - (n % width)) * K + (n % width);
    for (let k = 0; k < K; k++) packed[to + k * width] = w[n * K + k];
  }
  return packed;
}
