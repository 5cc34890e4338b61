import { type Int4Matrix, int4Matrix, PER_WORD } from '../../../tensor/int4.ts';
import { prepareLinear } from '../device.ts';
import type { Problem, Rung } from '../rung.ts';

/** Inputs that share a scale, as in the published checkpoint. */
const GROUP = 128;

// #region kernel
/** Each group of inputs gets the scale that its largest weight needs, each weight the nearest of sixteen steps around a zero of 8. */
function inFourBits({ N, K, w }: Problem): Int4Matrix {
  const G = Math.ceil(K / GROUP);
  const words = new Uint32Array((N * K) / PER_WORD);
  const scales = new Float32Array(G * N);
  for (let n = 0; n < N; n++) {
    for (let k = 0; k < K; k++) {
      const group = Math.floor(k / GROUP);
      if (k % GROUP === 0) {
        const most = w
          .subarray(n * K + k, n * K + Math.min(K, k + GROUP))
          .reduce((a, b) => Math.max(a, Math.abs(b)), 0);
        scales[group * N + n] = most / 7 || 1;
      }
      const q = Math.round(w[n * K + k] / scales[group * N + n]) + 8;
      words[Math.floor(k / PER_WORD) * N + n] |= q << (4 * (k % PER_WORD));
    }
  }
  const groups = Int32Array.from({ length: K }, (_, k) => Math.floor(k / GROUP));
  return int4Matrix({ N, K, words, scales, zeros: new Uint8Array(G * N).fill(8), groups });
}

async function prepare(problem: Problem, threads: number) {
  const matrix = inFourBits(problem);
  return { ...(await prepareLinear(problem, threads, matrix)), w: matrix.onHost() };
}
// #endregion

export const rung: Rung = {
  name: '22-int4',
  title: '4-bit weights',
  prediction:
    'A weight takes 4 bits and its share of a scale and a zero: 0.56 bytes instead of 2. If memory were all, one row would be 3.5 times as fast. But eight numbers take 5.5 instructions to be multiplied, not many fewer than eight weights in bfloat16, which hid them behind their bytes: arithmetic binds from here on, and that is shared out evenly to the threads. 2.5 times. Many rows have a block of a panel widened once as with bfloat16, by more instructions a weight: 0.95 times.',
  predicted: { prefill: 0.95, decode: 2.5 },
  why: 'Less than predicted for one matrix, which comes from memory alone: 1.8 times, 1.06 ms, where the same product takes 0.67 ms with the matrix in the caches and 1.18 ms on one thread. So arithmetic binds, and fetching hides behind it but for a third. Where matrices follow each other, as in a model, more is hidden: a token went through the five of a decoder block in 9.7 ms where bfloat16 took 19.7 (one thread: 17.8 and 36.2), at 88 % (84 %) of the rate that these kernels reach with a cached matrix (bench/int4.ts). Many rows lose nothing that can be seen: both rungs reach 79 % of their roof, which was higher when this one ran.',
  shows: [
    ['kernels/simd/int4-dots.ts', 'panelDots'],
    ['kernels/simd/int4-dots.ts', 'emitWord'],
    ['kernels/simd/int4-product.ts', 'rows'],
    ['kernels/simd/int4.ts', 'emitStep'],
  ],
  instructions: 'fused',
  threads: 'all',
  weightBytes: 0.5 + 8 / GROUP,
  multiple: 32,
  epilogue: 'bias',
  prepare,
};
