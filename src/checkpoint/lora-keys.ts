/** What a tensor of an adapter's file is, by its name. */
export type LoraKey =
  | { readonly kind: 'A' | 'B'; readonly module: string; readonly adapter: string }
  /** Takes the place of a tensor of the base. */
  | { readonly kind: 'whole'; readonly name: string; readonly adapter: string }
  /** What training did not use. */
  | { readonly kind: 'unused' }
  /** Other mathematics. */
  | { readonly kind: 'other'; readonly what: string };

const OTHERS: readonly (readonly [RegExp, string])[] = [
  [/\.lora_magnitude_vector\b/, 'DoRA'],
  [/\.lora_embedding_[AB]\b/, 'a LoRA of an embedding'],
  [/\.lora_[AB]\b.*\.bias$/, 'a LoRA with biases'],
  [/\.(lora_E|ranknum|ia3_l|oft_[rs]|hada_|lokr_|vera_lambda|boft_)/, 'not LoRA'],
];

/**
 * Reads a name as PEFT has written it at one time or another: with or without `base_model.model.`, with or without the adapter's own name
 * (`.lora_A.default.weight`), which saving strips and a state dict of one's own has.
 */
export function parseLoraKey(full: string): LoraKey {
  const other = OTHERS.find(([pattern]) => pattern.test(full));
  if (other) return { kind: 'other', what: other[1] };
  const name = full.replace(/^base_model\.model\./, '');
  const [, module, factor, adapter = ''] = /^(.+)\.lora_([AB])(?:\.([^.]+))?\.weight$/.exec(name) ?? [];
  if (module !== undefined) return { kind: factor as 'A' | 'B', module, adapter };
  if (/\.original_module\./.test(name)) return { kind: 'unused' };
  const [, saved, by, rest] = /^(.+)\.modules_to_save\.([^.]+)\.(weight|bias)$/.exec(name) ?? [];
  if (saved !== undefined) return { kind: 'whole', name: `${saved}.${rest}`, adapter: by };
  return { kind: 'whole', name: name.replace(/\.base_layer\.(weight|bias)$/, '.$1'), adapter: '' };
}
