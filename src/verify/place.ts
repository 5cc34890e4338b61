const RESBLOCK = /^transformer\.visual\.transformer\.(resblocks\.\d+)/;
const DECODER_BLOCK = /^transformer\.(h\.\d+)(\.|$)/;

/** The part and the group that a tap belongs to, by its name; a gradient belongs where what it is the gradient of does. */
export function placeOf(name: string): { part: string; group: string } {
  const tap = name.replace(/(\.(weight|bias))?\.grad$/, '');
  const resblock = RESBLOCK.exec(tap)?.[1];
  if (resblock) return { part: 'vision encoder', group: resblock };
  if (/^transformer\.visual\.(conv1|ln_pre|positional_embedding)$/.test(tap))
    return { part: 'vision encoder', group: 'patch embedding' };
  if (tap === 'transformer.visual.transformer') return { part: 'vision encoder', group: 'output' };
  if (tap.startsWith('transformer.visual.attn_pool')) return { part: 'adapter', group: 'attn_pool' };
  if (tap.startsWith('transformer.visual')) return { part: 'adapter', group: 'after the adapter' };
  const block = DECODER_BLOCK.exec(tap)?.[1];
  if (block) return { part: 'decoder', group: block };
  if (tap.startsWith('decode.')) return { part: 'decoding steps', group: 'steps' };
  if (tap.startsWith('cache.')) return { part: 'decoder', group: 'cache' };
  if (/^(loss|lm_head(\.last)?|logits|transformer\.ln_f)$/.test(tap)) return { part: 'decoder', group: 'scores' };
  if (/^transformer\.(wte|drop|spliced|rotary_emb)$/.test(tap)) return { part: 'decoder', group: 'embedding' };
  return tap.startsWith('input.') ? { part: 'inputs', group: 'inputs' } : { part: 'other', group: 'tensors' };
}
