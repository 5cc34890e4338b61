import { add } from '../../kernels/add.ts';
import { append } from '../../kernels/append.ts';
import { columns } from '../../kernels/columns.ts';
import { rmsNorm } from '../../kernels/rms-norm.ts';
import { rotary } from '../../kernels/rotary.ts';
import { scaleRows } from '../../kernels/scale.ts';
import { siluGate } from '../../kernels/silu-gate.ts';
import { keep } from '../../tensor/scope.ts';
import { tap } from '../../tensor/tap.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { attend } from './attention.ts';
import type { BlockCache } from './cache.ts';
import type { DecoderPass } from './decoder-pass.ts';
import { dense } from './dense.ts';

/** The weights of one decoder block, named from `transformer.h.i.` on. */
export interface DecoderBlockWeights {
  'ln_1.weight': Tensor;
  'attn.c_attn.weight': Tensor;
  /** There although the config says `no_bias`: that speaks of all other layers. */
  'attn.c_attn.bias': Tensor;
  'attn.c_proj.weight': Tensor;
  /** These four are there where the config does not say `no_bias`. */
  'attn.c_proj.bias'?: Tensor;
  'ln_2.weight': Tensor;
  'mlp.w1.weight': Tensor;
  'mlp.w1.bias'?: Tensor;
  'mlp.w2.weight': Tensor;
  'mlp.w2.bias'?: Tensor;
  'mlp.c_proj.weight': Tensor;
  'mlp.c_proj.bias'?: Tensor;
}

/**
 * One decoder block: `x += attn(ln_1(x))`, then `x += mlp(ln_2(x))`.
 *
 * @param x `[T, D]`
 * @param cache its tensors are replaced by those that hold the new rows too, of the same size; absent where nothing is to be
 *   remembered: then the rows see each other alone
 * @returns `[T, D]`
 */
export function decoderBlock(
  x: Tensor,
  w: DecoderBlockWeights,
  cache: BlockCache | undefined,
  pass: DecoderPass,
): Tensor {
  const normed = tap('ln_1', rmsNorm(x, w['ln_1.weight'], pass.eps));
  const attended = add(x, decoderAttention(normed, w, cache, pass));
  const normed2 = tap('ln_2', rmsNorm(attended, w['ln_2.weight'], pass.eps));
  return tap('', add(attended, decoderMlp(normed2, w)));
}

function decoderAttention(x: Tensor, w: DecoderBlockWeights, cache: BlockCache | undefined, pass: DecoderPass): Tensor {
  const { heads, cos, sin, logN, span, segments, fresh, mostKeys } = pass;
  const d = cos.shape[1];
  const width = heads * d;
  const qkv = tap('attn.c_attn', dense(x, w, 'attn.c_attn')); // [T, 3·H·d]
  const [q, k, v] = [0, width, 2 * width].map((from) => columns(qkv, { start: from, width })); // [T, H·d] each
  const rotated = tap('attn.q_rotated', rotary(q, cos, sin));
  const key = tap('attn.k_rotated', rotary(k, cos, sin));
  // Quirk: log-n multiplies the queries after rotary; the keys stay as they are.
  const query = logN ? tap('attn.q_logn', scaleRows(rotated, logN)) : rotated;

  if (cache) {
    cache.key = keep(append(cache.key, key, segments!));
    cache.value = keep(append(cache.value, v, segments!));
  }
  // With nothing cached before, the new rows are all there is to see: no need to read the cache's empty rest.
  const [keys, values] = cache && !fresh ? [cache.key, cache.value] : [key, v];
  const mixed = attend(query, keys, values, span, {
    heads,
    mostKeys,
    divisor: Math.sqrt(d),
    probabilities: 'attn.attn_dropout',
  }); // [T, H·d]
  return tap('attn', tap('attn.c_proj', dense(mixed, w, 'attn.c_proj')));
}

function decoderMlp(x: Tensor, w: DecoderBlockWeights): Tensor {
  const value = tap('mlp.w1', dense(x, w, 'mlp.w1')); // [T, F]
  // Quirk: the gate is w2, not w1.
  const gate = tap('mlp.w2', dense(x, w, 'mlp.w2'));
  return tap('mlp', tap('mlp.c_proj', dense(siluGate(value, gate), w, 'mlp.c_proj'))); // [T, D]
}
