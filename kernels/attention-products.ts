import { launch, type Matrix, type Op, type Thread } from '../tensor/op.ts';
import { parseSignature } from '../tensor/signature.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { divide } from './scale.ts';
import { requireSeen, seenBy } from './span.ts';

/**
 * `score[h, i, j] = q[i, h] · k[first(i) + j, h] / divisor` for the keys that query row i sees, 0 beyond (Vaswani et al. 2017,
 * arXiv 1706.03762, equation 1, before the softmax).
 *
 * Who sees whom is data: `span` holds, for each query row, the first key row and the number of keys from there. A causal
 * prefill, one step over a cache, several images and several sequences in one batch differ in nothing else. A row that sees
 * nothing gets zeros.
 *
 * ```
 * dq = attentionValues(dscore, k) / divisor          dk = attentionKeys(dscore, q) / divisor
 * ```
 *
 * @param q `[N, H·d]`
 * @param k `[M, H·d]`
 * @param span `[N, 2]` int32
 * @param mostKeys C, the width of the result: at least the largest number of keys that a row sees
 * @returns `[H·N, C]`, head by head
 */
export function attentionScores(
  q: Tensor,
  k: Tensor,
  span: Tensor,
  { heads, mostKeys, divisor }: { heads: number; mostKeys: number; divisor: number },
): Tensor {
  return launch(attentionScoresOp, [q, k, span], { H: heads, C: mostKeys, divisor });
}

/**
 * `y[i, h] = Σⱼ p[h, i, j] · v[first(i) + j, h]` over the keys that query row i sees: the values, mixed by the attention
 * probabilities (Vaswani et al. 2017, arXiv 1706.03762, equation 1, after the softmax).
 *
 * ```
 * dp = attentionScores(dy, v)                        dv = attentionKeys(p, dy)
 * ```
 *
 * @param probabilities `[H·N, C]`, head by head
 * @param v `[M, H·d]`
 * @param span `[N, 2]` int32: see `attentionScores`
 * @returns `[N, H·d]`
 */
export function attentionValues(probabilities: Tensor, v: Tensor, span: Tensor): Tensor {
  return launch(attentionValuesOp, [span, probabilities, v]);
}

/**
 * `y[m, h] = Σᵢ p[h, i, m − first(i)] · q[i, h]` over the query rows i that see key m: what flows back to keys and values.
 *
 * @param probabilities `[H·N, C]`, head by head; or what else there is for each pair of a query and a key
 * @param q `[N, H·d]`
 * @param span `[N, 2]` int32: see `attentionScores`
 * @param keys M, rows of the result
 * @returns `[M, H·d]`
 */
export function attentionKeys(probabilities: Tensor, q: Tensor, span: Tensor, keys: number): Tensor {
  return launch(attentionKeysOp, [span, probabilities, q], { M: keys });
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
  gradient(dy, { inputs: [q, k, span], sizes: { M, divisor } }) {
    const scaled = (gradient: Tensor) => (divisor === 1 ? gradient : divide(gradient, divisor));
    return [() => scaled(attentionValues(dy, k!, span!)), () => scaled(attentionKeys(dy, q!, span!, M)), undefined];
  },
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

export const attentionValuesOp: Op = {
  name: 'attentionValues',
  signature: parseSignature('span[N,2]:i32, probabilities[H*N,C], v[M,H*d] -> y[N,H*d]'),
  check: ({ C, M }, [span]) => requireSeen('attentionValues', span, C, M),
  cost({ N, M, H, d, C }, { inputs: [span] }) {
    const { pairs, keys } = seenBy(span!, { pairs: N * C, keys: M });
    return { operations: 2 * H * pairs * d, bytes: 4 * (2 * N + H * pairs + keys * H * d + N * H * d) };
  },
  kernels: (run, [span, probabilities, v], { N, H, d }) => run(mix, [N, H * d], probabilities, v, span, N, d),
  gradient: (dy, { inputs: [span, probabilities, v], sizes: { H, C, M } }) => [
    undefined,
    () => attentionScores(dy, v!, span!, { heads: H, mostKeys: C, divisor: 1 }),
    () => attentionKeys(probabilities!, dy, span!, M),
  ],
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

export const attentionKeysOp: Op = {
  name: 'attentionKeys',
  signature: parseSignature('span[N,2]:i32, probabilities[H*N,C], q[N,H*d] -> y[M,H*d]'),
  check: ({ C, M }, [span]) => requireSeen('attentionKeys', span, C, M),
  cost({ N, M, H, d, C }, { inputs: [span] }) {
    const { pairs } = seenBy(span!, { pairs: N * C, keys: M });
    const queries = span!.known ? span!.known.filter((count, i) => i % 2 === 1 && count > 0).length : N;
    return { operations: 2 * H * pairs * d, bytes: 4 * (2 * N + H * pairs + queries * H * d + M * H * d) };
  },
  kernels: (run, [span, probabilities, q], { N, M, H, d }) => run(gather, [M, H * d], probabilities, q, span, N, d),
};

/** The rows that see a key may stand anywhere, so all are asked; sums in blocks of 32 rows. */
const gather = function (this: Thread, probabilities: Matrix, q: Matrix, span: Matrix, N: number, d: number) {
  const head = Math.floor((this.thread.x + 0.5) / d);
  let sum = 0;
  for (let start = 0; start < N; start += 32) {
    const end = Math.min(start + 32, N);
    let part = 0;
    for (let i = start; i < end; i += 1) {
      const key = this.thread.y - span[i][0];
      if (key >= 0 && key < span[i][1]) {
        part += probabilities[head * N + i][key] * q[i][this.thread.x];
      }
    }
    sum += part;
  }
  return sum;
};
