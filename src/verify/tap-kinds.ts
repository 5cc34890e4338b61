/**
 * What stands between the input of a block, which is the original's to the bit in a forced run, and an activation: that decides how
 * much rounding can have been added. `moved`: nothing is computed. `table`: made on the host, element by element. `norm`: one
 * normalisation. `product`: one matrix product of that, or its attention's keys and values. `branch`: anything beyond, such as a softmax
 * or a second product.
 */
export const TAP_KINDS = ['moved', 'table', 'norm', 'product', 'branch'] as const;
export type TapKind = (typeof TAP_KINDS)[number];

const KINDS: readonly (readonly [RegExp, TapKind])[] = [
  [/^transformer\.(wte|drop)$/, 'moved'],
  [/^transformer\.rotary_emb$/, 'table'],
  [/\.ln_1$|\.attn_pool\.ln_q$|^transformer\.(ln_f|visual\.ln_post)$/, 'norm'],
  [/\.(in_proj|c_attn|kv_proj|ln_kv)$|^transformer\.visual(\.conv1|\.ln_pre)?$|^(lm_head|logits)$|^cache\./, 'product'],
];

export const tapKind = (name: string): TapKind => KINDS.find(([pattern]) => pattern.test(name))?.[1] ?? 'branch';

/** Whether an activation is made of weights, ids and pixels alone, with nothing before it that could have been rounded. */
export const isFirst = (name: string): boolean =>
  /^transformer\.(wte|drop|rotary_emb|visual\.(conv1|ln_pre|attn_pool\.ln_q))$/.test(name);
