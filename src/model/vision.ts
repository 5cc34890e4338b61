import { add } from '../../kernels/add.ts';
import { columns } from '../../kernels/columns.ts';
import { gelu } from '../../kernels/gelu.ts';
import { layerNorm } from '../../kernels/layer-norm.ts';
import { divide } from '../../kernels/scale.ts';
import { tap } from '../../tensor/tap.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { attend } from './attention.ts';
import { dense } from './dense.ts';

/** The weights of one vision block, named from `transformer.visual.transformer.resblocks.i.` on. */
export interface VisionBlockWeights {
  'ln_1.weight': Tensor;
  'ln_1.bias': Tensor;
  'attn.in_proj.weight': Tensor;
  'attn.in_proj.bias': Tensor;
  'attn.out_proj.weight': Tensor;
  'attn.out_proj.bias': Tensor;
  'ln_2.weight': Tensor;
  'ln_2.bias': Tensor;
  'mlp.c_fc.weight': Tensor;
  'mlp.c_fc.bias': Tensor;
  'mlp.c_proj.weight': Tensor;
  'mlp.c_proj.bias': Tensor;
}

/** Every LayerNorm of the vision encoder and the adapter. */
export const LAYER_NORM_EPS = 1e-6;

/**
 * One block of the vision encoder, pre-norm: `x += attn(ln_1(x))`, then `x += mlp(ln_2(x))` (Dosovitskiy et al. 2020,
 * arXiv 2010.11929, equations 2 and 3).
 *
 * @param x `[B·L, D]`, the patches of B images one after another
 * @param span `[B·L, 2]`: each patch sees the patches of its own image
 * @param patches L
 * @returns `[B·L, D]`
 */
export function visionBlock(x: Tensor, w: VisionBlockWeights, span: Tensor, heads: number, patches: number): Tensor {
  const normed = tap('ln_1', layerNorm(x, w['ln_1.weight'], w['ln_1.bias'], LAYER_NORM_EPS));
  const attended = add(x, visionAttention(normed, w, span, heads, patches));
  const normed2 = tap('ln_2', layerNorm(attended, w['ln_2.weight'], w['ln_2.bias'], LAYER_NORM_EPS));
  return tap('', add(attended, visionMlp(normed2, w)));
}

function visionAttention(x: Tensor, w: VisionBlockWeights, span: Tensor, heads: number, patches: number): Tensor {
  const d = x.shape[1] / heads;
  const qkv = tap('attn.in_proj', dense(x, w, 'attn.in_proj')); // [B·L, 3·D]
  // Quirk: the 3·D outputs are laid out per head, its query, key and value side by side, and not all queries first.
  const [q, k, v] = [0, d, 2 * d].map((start) => columns(qkv, { start, width: d, stride: 3 * d, groups: heads }));
  // Quirk: the query is divided by √d before the product, and not the product after.
  const scaled = tap('attn.q_scaled', divide(q, Math.sqrt(d)));
  const values = attend(scaled, k, v, span, { heads, mostKeys: patches, divisor: 1 }); // [B·L, D]
  const out = tap('attn.out_proj', dense(values, w, 'attn.out_proj'));
  return tap('attn', out);
}

function visionMlp(x: Tensor, w: VisionBlockWeights): Tensor {
  const hidden = tap('mlp.c_fc', dense(x, w, 'mlp.c_fc')); // [B·L, M]
  const activated = tap('mlp.gelu', gelu(hidden));
  return tap('mlp', tap('mlp.c_proj', dense(activated, w, 'mlp.c_proj')));
}
