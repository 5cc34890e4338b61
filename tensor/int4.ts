/**
 * A matrix `[N, K]` of 4-bit numbers on the host, as GPTQ packs it (Frantar et al. 2022, arXiv 2210.17323): outputs n, inputs k, and
 * the inputs in groups that share a scale and a zero for each output.
 *
 * ```
 * W[n, k] = scales[g, n] · (q[n, k] − zeros[g, n]),   g = groups[k]
 * ```
 */
export interface Int4Matrix {
  /** Elements: N · K. */
  readonly length: number;
  readonly N: number;
  /** A multiple of 8. */
  readonly K: number;
  /** `[K/8, N]`: bits 4j … 4j+3 of word (i, n) are q[n, 8i + j], low bits first along the inputs. */
  readonly words: Uint32Array;
  /** `[G, N]`. */
  readonly scales: Float32Array;
  /** `[G, N]`, each from 0 to 15. */
  readonly zeros: Uint8Array;
  /** `[K]`, each below G. */
  readonly groups: Int32Array;
  /** The elements, row-major, for drivers that keep no 4-bit numbers. */
  onHost(): Float32Array;
}

/** @param parts see `Int4Matrix` */
export function int4Matrix(parts: Omit<Int4Matrix, 'length' | 'onHost'>): Int4Matrix {
  return { ...parts, length: parts.N * parts.K, onHost: () => unpacked(parts) };
}

/** Eight inputs of an output lie in one word. */
export const PER_WORD = 8;

function unpacked({ N, K, words, scales, zeros, groups }: Omit<Int4Matrix, 'length' | 'onHost'>): Float32Array {
  const elements = new Float32Array(N * K);
  for (let k = 0; k < K; k++) {
    const row = (k >>> 3) * N;
    const shift = 4 * (k & 7);
    const group = groups[k] * N;
    for (let n = 0, at = k; n < N; n++, at += K) {
      const q = (words[row + n] >>> shift) & 15;
      elements[at] = scales[group + n] * (q - zeros[group + n]);
    }
  }
  return elements;
}

/** The nibbles of 32-bit words, the lowest first, each through `(nibble + add) mod 16`. */
export function nibbles(words: Uint32Array, add = 0): Uint8Array {
  const found = new Uint8Array(words.length * PER_WORD);
  for (let i = 0; i < found.length; i++) found[i] = ((words[i >>> 3] >>> (4 * (i & 7))) + add) & 15;
  return found;
}

/** Bytes of a matrix `[N, K]` in G groups where it stays packed: the numbers, and for each output and group a scale and an offset in float32. */
export const int4Bytes = ([N, K]: readonly number[], G: number): number => (N * K) / 2 + 8 * G * N;
