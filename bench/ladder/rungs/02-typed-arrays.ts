import { overArrays, type Rung } from '../rung.ts';

// #region kernel
function product(x: Float32Array, w: Float32Array, y: Float32Array, M: number, K: number, N: number): void {
  for (let m = 0; m < M; m++) {
    for (let n = 0; n < N; n++) {
      let sum = 0;
      for (let k = 0; k < K; k++) sum += x[m * K + k] * w[n * K + k];
      y[m * N + n] = sum;
    }
  }
}
// #endregion

export const rung: Rung = {
  name: '02-typed-arrays',
  title: 'Typed arrays',
  prediction:
    'Half the memory, and no holes to look for; but the chain of additions is the limit before and after, and every float32 is widened to float64 on the way. So: the same, perhaps a tenth faster.',
  predicted: { prefill: 1.1, decode: 1.1 },
  why: 'Slower, although a row reads half the bytes: numbers are float64 to JavaScript, so each float32 is widened when it is loaded, and the indices `m * K + k` are computed, and checked for overflow, in every step, where nested arrays look a row up once. Memory was never the limit, so halving it gains nothing. Each rung has a process of its own for the sake of this one and the next ones: once a process has detached any buffer, as a growing WebAssembly memory does, V8 checks every typed array at every access, and these loops take up to twice as long; importing GPU.js alone costs a fifth.',
  instructions: 'scalar',
  threads: 'one',
  rows: 28,
  weightBytes: 4,
  prepare: overArrays(product),
};
