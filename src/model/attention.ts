import { attention } from '../../kernels/attention.ts';
import { attentionScores, attentionValues } from '../../kernels/attention-products.ts';
import { softmax } from '../../kernels/softmax.ts';
import { isHeard, tap } from '../../tensor/tap.ts';
import type { Tensor } from '../../tensor/tensor.ts';

/**
 * Scaled dot-product attention, `softmax(q·kᵀ / divisor) · v` head by head (Vaswani et al. 2017, arXiv 1706.03762,
 * equation 1). Its taps stand below the name of the block: `attn.scores`, the probabilities, `attn.values`.
 * Where no listener hears them, the three steps are one operation.
 *
 * @param q `[N, H·d]`
 * @param k `[M, H·d]`
 * @param v `[M, H·d]`
 * @param span `[N, 2]` int32: which keys each query row sees
 * @param mostKeys the largest number of keys that a row sees
 * @param names what the taps are called: the decoder's probabilities have a PyTorch module, so they carry its name
 * @returns `[N, H·d]`
 */
export function attend(
  q: Tensor,
  k: Tensor,
  v: Tensor,
  span: Tensor,
  {
    heads,
    mostKeys,
    divisor,
    probabilities = 'attn.probs',
  }: { heads: number; mostKeys: number; divisor: number; probabilities?: string },
): Tensor {
  if (!isHeard('attn.scores', probabilities, 'attn.values'))
    return attention(q, k, v, span, { heads, mostKeys, divisor }); // [N, H·d]
  const scores = tap('attn.scores', attentionScores(q, k, span, { heads, mostKeys, divisor })); // [H·N, C]
  const probs = tap(probabilities, softmax(scores, span)); // [H·N, C]
  return tap('attn.values', attentionValues(probs, v, span)); // [N, H·d]
}

/** Every row of a group sees all keys of its group: queries of an image, and the patches of the same image. */
export function groupSpan(groups: number, queries: number, keys: number): Int32Array {
  const span = new Int32Array(2 * groups * queries);
  for (let row = 0; row < groups * queries; row++) {
    span[2 * row] = Math.floor(row / queries) * keys;
    span[2 * row + 1] = keys;
  }
  return span;
}

/** Rows at the positions from `start` on of a sequence whose keys begin at row `first`: each sees all keys up to its own. */
export function causalSpan(first: number, start: number, length: number): Int32Array {
  const span = new Int32Array(2 * length);
  for (let row = 0; row < length; row++) {
    span[2 * row] = first;
    span[2 * row + 1] = start + row + 1;
  }
  return span;
}
