import { launch, type Matrix, type Op, type Thread } from '../tensor/op.ts';
import { parseSignature } from '../tensor/signature.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { requireSeen, seenBy } from './span.ts';

/**
 * `score[h, i, j] = q[i, h] · k[first(i) + j, h] / divisor` for the keys that query row i sees, 0 beyond (Vaswani et al. 2017,
 * arXiv 1706.03762, equation 1, before the softmax).
 *
 * Who sees whom is data: `span` holds, for each query row, the first key row and the number of keys from there. A causal
 * prefill, one step over a cache, several images and several sequences in one batch differ in nothing else. A row that sees
 * nothing gets zeros.
 *
 * @param q `[N, H·d]`
 * @param k `[M, H·d]`
 * @param span `[N, 2]` int32
 * @param columns C, the width of the result: at least the largest number of keys that a row sees
 * @returns `[H·N, C]`, head by head
 */
export function attentionScores(
  q: Tensor,
  k: Tensor,
  span: Tensor,
  { heads, columns, divisor }: { heads: number; columns: number; divisor: number },
): Tensor {
  return launch(attentionScoresOp, [q, k, span], { H: heads, C: columns, divisor });
}

/** Keys that no row sees need not be read; the zeros beyond what a row sees are written. */
export const attentionScoresOp: Op = {
  name: 'attentionScores',
  signature: parseSignature('q[N,H*d], k[M,H*d], span[N,2]:i32 -> scores[H*N,C]'),
  check: ({ C, M }, [, , span]) => requireSeen('attentionScores', span, C, M),
  cost({ N, M, H, d, C }, { inputs: [, , span] }) {
    const { pairs, keys } = seenBy(span!, { pairs: N * C, keys: M });
    return { operations: H * pairs * (2 * d + 1), bytes: 4 * (N * H * d + keys * H * d + 2 * N + H * N * C) };
  },
  kernels: (run, [q, k, span], { N, H, d, C, divisor }) => run(scores, [H * N, C], q, k, span, N, d, divisor),
};

/** Sums in blocks of 32, as in `linear`: a trained model's softmax magnifies the last bits of its scores. */
const scores = function (this: Thread, q: Matrix, k: Matrix, span: Matrix, N: number, d: number, divisor: number) {
  const head = Math.floor((this.thread.y + 0.5) / N);
  const row = this.thread.y - head * N;
  let sum = 0;
  if (this.thread.x < span[row][1]) {
    const key = span[row][0] + this.thread.x;
    const end = head * d + d;
    for (let start = head * d; start < end; start += 32) {
      const stop = Math.min(start + 32, end);
      let part = 0;
      for (let i = start; i < stop; i += 1) {
        part += q[row][i] * k[key][i];
      }
      sum += part;
    }
  }
  return sum / divisor;
};
