import { launch, type Matrix, type Op, type Thread } from '../tensor/op.ts';
import { parseSignature } from '../tensor/signature.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { requireSeen, seenBy } from './span.ts';

/**
 * `y[i, h] = Σⱼ p[h, i, j] · v[first(i) + j, h]` over the keys that query row i sees: the values, mixed by the attention
 * probabilities (Vaswani et al. 2017, arXiv 1706.03762, equation 1, after the softmax).
 *
 * @param probabilities `[H·N, C]`, head by head
 * @param v `[M, H·d]`
 * @param span `[N, 2]` int32: see `attentionScores`
 * @returns `[N, H·d]`
 */
export function attentionValues(probabilities: Tensor, v: Tensor, span: Tensor): Tensor {
  return launch(attentionValuesOp, [span, probabilities, v]);
}

export const attentionValuesOp: Op = {
  name: 'attentionValues',
  signature: parseSignature('span[N,2]:i32, probabilities[H*N,C], v[M,H*d] -> y[N,H*d]'),
  check: ({ C, M }, [span]) => requireSeen('attentionValues', span, C, M),
  cost({ N, M, H, d, C }, { inputs: [span] }) {
    const { pairs, keys } = seenBy(span!, { pairs: N * C, keys: M });
    return { operations: 2 * H * pairs * d, bytes: 4 * (2 * N + H * pairs + keys * H * d + N * H * d) };
  },
  kernels: (run, [span, probabilities, v], { N, H, d }) => run(mix, [N, H * d], probabilities, v, span, N, d),
};

const mix = function (this: Thread, probabilities: Matrix, v: Matrix, span: Matrix, N: number, d: number) {
  const row = Math.floor((this.thread.x + 0.5) / d) * N + this.thread.y;
  const first = span[this.thread.y][0];
  const count = span[this.thread.y][1];
  let sum = 0;
  for (let start = 0; start < count; start += 32) {
    const end = Math.min(start + 32, count);
    let part = 0;
    for (let j = start; j < end; j += 1) {
      part += probabilities[row][j] * v[first + j][this.thread.x];
    }
    sum += part;
  }
  return sum;
};
