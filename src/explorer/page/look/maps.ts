/** What is made of attention probabilities: means over heads and layers, and the way from a token through the adapter's rows to patches. */

/** The mean of rows of so many elements, or the chosen one of them. */
export function meanOr(all: Float32Array, size: number, chosen: number | undefined): Float32Array {
  if (chosen !== undefined) return all.subarray(chosen * size, (chosen + 1) * size);
  const mean = new Float64Array(size);
  for (let at = 0; at < all.length; at++) mean[at % size] += all[at];
  return Float32Array.from(mean, (sum) => (sum * size) / all.length);
}

/** A block, a head; undefined: the mean over all. */
export interface Which {
  readonly layer: number | undefined;
  readonly head: number | undefined;
}

/** What a token's prediction read: `[layers, H, keys]` → `[keys]`. */
export function readBy(
  attention: Float32Array,
  { layers, heads }: { readonly layers: number; readonly heads: number },
  { layer, head }: Which,
): Float32Array {
  const keys = attention.length / layers / heads;
  return meanOr(meanOr(attention, heads * keys, layer), keys, head);
}

/** What is read by rows that are read: `y[l] = Σ_q row[q] · matrix[q, l]`. */
export function through(row: Float32Array, matrix: Float32Array): Float32Array {
  const columns = matrix.length / row.length;
  const sums = new Float64Array(columns);
  for (const [q, weight] of row.entries()) {
    for (let l = 0; l < columns; l++) sums[l] += weight * matrix[q * columns + l];
  }
  return Float32Array.from(sums);
}

/** What one has more than the other; where only one reaches, the other has 0. */
export const difference = (a: Float32Array, b: Float32Array): Float32Array =>
  Float32Array.from({ length: Math.max(a.length, b.length) }, (_, i) => (a[i] ?? 0) - (b[i] ?? 0));

export const sum = (values: Float32Array): number => values.reduce((total, value) => total + value, 0);
