import { launch, type Matrix, type Op, type Thread } from '../tensor/op.ts';
import { parseSignature } from '../tensor/signature.ts';
import { type Tensor, tensor } from '../tensor/tensor.ts';
import { attentionKeysOp, attentionScoresOp, attentionValuesOp } from './attention-products.ts';
import { gatherRows } from './gather-rows.ts';
import { softmaxGradientOp, softmaxOp } from './softmax.ts';
import { requireSeen, seenBy } from './span.ts';

/**
 * `softmax(q·kᵀ / divisor) · v` head by head (Vaswani et al. 2017, arXiv 1706.03762, equation 1): `attentionScores`, `softmax`
 * and `attentionValues` in one, where no listener hears what is between. A device may then go through the keys of a few queries
 * at a time and never write a matrix of queries × keys (Dao et al. 2022, arXiv 2205.14135).
 *
 * ```
 * p = softmax(q·kᵀ / divisor)        ds = p ⊙ (dp − Σ p·dp),  dp = dy·vᵀ
 * dq = ds·k / divisor                dk = dsᵀ·q / divisor               dv = pᵀ·dy
 * ```
 *
 * @param q `[N, H·d]`
 * @param k `[M, H·d]`
 * @param v `[M, H·d]`
 * @param span `[N, 2]` int32: see `attentionScores`
 * @param mostKeys C, at least the largest number of keys that a row sees
 * @returns `[N, H·d]`
 */
export function attention(
  q: Tensor,
  k: Tensor,
  v: Tensor,
  span: Tensor,
  { heads, mostKeys, divisor }: { heads: number; mostKeys: number; divisor: number },
): Tensor {
  return launch(attentionOp, [q, k, v, span], { H: heads, C: mostKeys, divisor });
}

/**
 * `dq = ds·k / divisor`, `dk = dsᵀ·q / divisor`, `dv = pᵀ·dy`: what flows back through `attention`, with p and ds as there. The
 * probabilities p are computed anew, so that the forward pass need not keep them (Dao 2023, arXiv 2307.08691, section 3.1).
 *
 * @param dy `[N, H·d]`
 * @returns `[N + 2·M, H·d]`: dq, below it dk, below it dv
 */
export function attentionGradient(
  q: Tensor,
  k: Tensor,
  v: Tensor,
  span: Tensor,
  dy: Tensor,
  { heads, mostKeys, divisor }: { heads: number; mostKeys: number; divisor: number },
): Tensor {
  const R = q.shape[0] + 2 * k.shape[0];
  return launch(attentionGradientOp, [q, k, v, span, dy], { H: heads, C: mostKeys, divisor, R });
}

const attentionOp: Op = {
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
  gradient(dy, { inputs: [q, k, v, span], sizes: { N, M, H, C, divisor } }) {
    let together: Tensor | undefined;
    const part = (first: number, count: number) => () => {
      together ??= attentionGradient(q!, k!, v!, span!, dy, { heads: H, mostKeys: C, divisor });
      return gatherRows(
        together,
        tensor(
          dy.device,
          Int32Array.from({ length: count }, (_, i) => first + i),
          [count],
        ),
      );
    };
    return [part(0, N), part(N, M), part(N + M, M), undefined];
  },
};

const attentionGradientOp: Op = {
  name: 'attentionGradient',
  signature: parseSignature('q[N,H*d], k[M,H*d], v[M,H*d], span[N,2]:i32, dy[N,H*d] -> y[R,H*d]'),
  check: ({ C, M }, [, , , span]) => requireSeen('attentionGradient', span, C, M),
  /** Five products, the softmax and what flows back through it, and the division of scores, dq and dk. */
  cost({ N, M, H, d, C }, { inputs: [, , , span] }) {
    const { pairs, keys } = seenBy(span!, { pairs: N * C, keys: M });
    return {
      operations: H * pairs * (10 * d + 10) + (N + M) * H * d,
      bytes: 4 * (2 * N * H * d + 2 * keys * H * d + 2 * N + (N + 2 * M) * H * d),
    };
  },
  kernels(run, [q, k, v, span, dy], sizes) {
    const { N, M, R, H, d, divisor } = sizes;
    const scores = attentionScoresOp.kernels(run, [q, k, span], sizes);
    const probabilities = softmaxOp.kernels(run, [span, scores], sizes);
    const dProbabilities = attentionScoresOp.kernels(run, [dy, v, span], { ...sizes, divisor: 1 });
    const dScores = softmaxGradientOp.kernels(run, [span, probabilities, dProbabilities], sizes);
    const dq = attentionValuesOp.kernels(run, [span, dScores, k], sizes);
    const dk = attentionKeysOp.kernels(run, [span, dScores, q], sizes);
    const dv = attentionKeysOp.kernels(run, [span, probabilities, dy], sizes);
    return run(below, [R, H * d], dq, dk, dv, N, M, divisor);
  },
};

const below = function (this: Thread, dq: Matrix, dk: Matrix, dv: Matrix, N: number, M: number, divisor: number) {
  let value = 0;
  if (this.thread.y < N) {
    value = dq[this.thread.y][this.thread.x] / divisor;
  } else if (this.thread.y < N + M) {
    value = dk[this.thread.y - N][this.thread.x] / divisor;
  } else {
    value = dv[this.thread.y - N - M][this.thread.x];
  }
  return value;
};
