const RESBLOCK = /^transformer\.visual\.transformer\.(resblocks\.\d+)/;
const DECODER_BLOCK = /^transformer\.(h\.\d+)(\.|$)/;

/** The stage and the group that a tap belongs to, by its name; a gradient belongs where what it is the gradient of does. */
export function placeOf(name: string): { stage: string; group: string } {
  const tap = name.replace(/(\.(weight|bias))?\.grad$/, '');
  const resblock = RESBLOCK.exec(tap)?.[1];
  if (resblock) return { stage: 'vision encoder', group: resblock };
  if (/^transformer\.visual\.(conv1|ln_pre|positional_embedding)$/.test(tap))
    return { stage: 'vision encoder', group: 'patch embedding' };
  if (tap === 'transformer.visual.transformer') return { stage: 'vision encoder', group: 'output' };
  if (tap.startsWith('transformer.visual.attn_pool')) return { stage: 'adapter', group: 'attn_pool' };
  if (tap.startsWith('transformer.visual')) return { stage: 'adapter', group: 'after the adapter' };
  const block = DECODER_BLOCK.exec(tap)?.[1];
  if (block) return { stage: 'decoder', group: block };
  if (tap.startsWith('decode.')) return { stage: 'decoding steps', group: 'steps' };
  if (tap.startsWith('cache.')) return { stage: 'decoder', group: 'cache' };
  if (/^(loss|lm_head|logits|transformer\.ln_f)$/.test(tap)) return { stage: 'decoder', group: 'scores' };
  if (/^transformer\.(wte|drop|spliced|rotary_emb)$/.test(tap)) return { stage: 'decoder', group: 'embedding' };
  return tap.startsWith('input.') ? { stage: 'inputs', group: 'inputs' } : { stage: 'other', group: 'tensors' };
}
