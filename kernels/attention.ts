import { launch, type Op } from '../tensor/op.ts';
import { parseSignature } from '../tensor/signature.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { attentionScoresOp } from './attention-scores.ts';
import { attentionValuesOp } from './attention-values.ts';
import { softmaxOp } from './softmax.ts';
import { requireSeen, seenBy } from './span.ts';

/**
 * `softmax(q·kᵀ / divisor) · v` head by head (Vaswani et al. 2017, arXiv 1706.03762, equation 1): `attentionScores`, `softmax`
 * and `attentionValues` in one, for whoever does not want to see what is between. A device may then go through the keys of a
 * few queries at a time and never write a matrix of queries × keys (Dao et al. 2022, arXiv 2205.14135).
 *
 * @param q `[N, H·d]`
 * @param k `[M, H·d]`
 * @param v `[M, H·d]`
 * @param span `[N, 2]` int32: see `attentionScores`
 * @param columns C, at least the largest number of keys that a row sees
 * @returns `[N, H·d]`
 */
export function attention(
  q: Tensor,
  k: Tensor,
  v: Tensor,
  span: Tensor,
  { heads, columns, divisor }: { heads: number; columns: number; divisor: number },
): Tensor {
  return launch(op, [q, k, v, span], { H: heads, C: columns, divisor });
}

const op: Op = {
  name: 'attention',
  signature: parseSignature('q[N,H*d], k[M,H*d], v[M,H*d], span[N,2]:i32 -> y[N,H*d]'),
  check: ({ C, M }, [, , , span]) => requireSeen('attention', span, C, M),
  /** The operations of the three: for each pair of a query and a key that it sees 2·d + 1, 5 and 2·d. */
  cost({ N, M, H, d, C }, { inputs: [, , , span] }) {
    const { pairs, keys } = seenBy(span!, { pairs: N * C, keys: M });
    return { operations: H * pairs * (4 * d + 6), bytes: 4 * (2 * N * H * d + 2 * keys * H * d + 2 * N) };
  },
  kernels(run, [q, k, v, span], sizes) {
    const scores = attentionScoresOp.kernels(run, [q, k, span], sizes);
    const probabilities = softmaxOp.kernels(run, [span, scores], sizes);
    return attentionValuesOp.kernels(run, [span, probabilities, v], sizes);
  },
};
