import { add } from '../../kernels/add.ts';
import { gatherRows } from '../../kernels/gather-rows.ts';
import { layerNorm } from '../../kernels/layer-norm.ts';
import { linear } from '../../kernels/linear.ts';
import { tap } from '../../tensor/tap.ts';
import { type Tensor, tensor } from '../../tensor/tensor.ts';
import { ADAPTER_HEAD_SIZE } from '../architecture/config.ts';
import { attend, groupSpan } from './attention.ts';
import { dense } from './dense.ts';
import { LAYER_NORM_EPS } from './vision.ts';

/** The adapter's weights, named from `transformer.visual.attn_pool.` on. */
export interface AdapterWeights {
  query: Tensor;
  pos_embed: Tensor;
  /** Absent (an identity) when the vision encoder is as wide as the language model. */
  'kv_proj.weight'?: Tensor;
  'ln_q.weight': Tensor;
  'ln_q.bias': Tensor;
  'ln_kv.weight': Tensor;
  'ln_kv.bias': Tensor;
  'attn.in_proj_weight': Tensor;
  'attn.in_proj_bias': Tensor;
  'attn.out_proj.weight': Tensor;
  'attn.out_proj.bias': Tensor;
}

/**
 * The position-aware vision-language adapter: one cross-attention layer in which Q learned queries read the patches of an
 * image (Qwen-VL, arXiv 2308.12966, section 2.1).
 *
 * @param x `[B·L, D]` the vision encoder's output for B images
 * @param keyPositions `[L, C]` the table of 2D sine-cosine positions, resized to the patch grid
 * @returns `[B·Q, C]`
 */
export function adapter(x: Tensor, w: AdapterWeights, keyPositions: Tensor): Tensor {
  const [Q, C] = w.query.shape;
  const L = keyPositions.shape[0];
  const B = x.shape[0] / L;
  const heads = C / ADAPTER_HEAD_SIZE;

  const { 'kv_proj.weight': kvProj } = w;
  const projected = tap('kv_proj', kvProj ? dense(x, { ...w, 'kv_proj.weight': kvProj }, 'kv_proj') : x); // [B·L, C]
  const kv = tap('ln_kv', layerNorm(projected, w['ln_kv.weight'], w['ln_kv.bias'], LAYER_NORM_EPS));
  const queries = tap('ln_q', layerNorm(w.query, w['ln_q.weight'], w['ln_q.bias'], LAYER_NORM_EPS)); // [Q, C]

  // in_proj holds the three projections one below the other, each over all heads (not per head, as in the encoder).
  const project = (input: Tensor, part: number) =>
    linear(input, w['attn.in_proj_weight'], w['attn.in_proj_bias'], { start: part * C, count: C });
  const q = project(add(queries, w.pos_embed), 0); // [Q, C]
  const k = project(add(kv, keyPositions), 1); // [B·L, C]
  // Quirk: positions enter queries and keys, not values, whatever the paper's figure suggests.
  const v = project(kv, 2); // [B·L, C]

  // The queries are the same for every image: their rows are repeated.
  const repeat = new Int32Array(B * Q).map((_, row) => row % Q);
  const repeated = tap('attn.q', gatherRows(q, tensor(x.device, repeat, [B * Q], { label: 'repeated queries' }))); // [B·Q, C]
  const span = tensor(x.device, groupSpan(B, Q, L), [B * Q, 2], { label: 'query span' });
  const values = attend(repeated, k, v, span, { heads, mostKeys: L, divisor: Math.sqrt(ADAPTER_HEAD_SIZE) });
  const out = tap('attn', linear(values, w['attn.out_proj.weight'], w['attn.out_proj.bias']));
  return tap('', out); // [B·Q, C]
}
