import { type Config, mlpWidth, visionMlpWidth } from './config.ts';

/** The learned positions of the vision encoder always fill a grid of 16 × 16 cells, whatever the image's size. */
const POSITION_CELLS = 16 * 16;

/** Which weights stay on a device; the others are loaded by each block whenever it runs. */
export type Residence = 'all' | 'decoder' | 'none';

/** Whether a weight is needed for pictures alone: once a picture, where the decoder's are needed for every token. */
export const isVision = (name: string): boolean => name.startsWith('transformer.visual.');

/**
 * Whether a tensor of a checkpoint is passed over, as Hugging Face does: a buffer that some versions of the original saved, and
 * that says nothing which config.json does not.
 */
export const isBuffer = (name: string): boolean =>
  /^transformer\.(h\.\d+\.attn\.)?(rotary_emb\.inv_freq|logn_tensor)$/.test(name) ||
  /^transformer\.h\.\d+\.attn\.(bias|masked_bias)$/.test(name);

const ADAPTABLE = [
  /^transformer\.h\.\d+\.(attn\.(c_attn|c_proj)|mlp\.(w1|w2|c_proj))$/,
  /^transformer\.visual\.transformer\.resblocks\.\d+\.(attn\.(in_proj|out_proj)|mlp\.(c_fc|c_proj))$/,
  /^(transformer\.visual\.attn_pool\.kv_proj|lm_head)$/,
];

/**
 * Whether a module is a linear layer that a LoRA adapter can change. Quirk: the adapter's `attn.out_proj` is none, since PyTorch's
 * attention reads its weight and never calls it.
 */
export const isAdaptable = (module: string): boolean => ADAPTABLE.some((pattern) => pattern.test(module));

/**
 * Every tensor of a checkpoint with its shape: the one place that knows the names. Matrices are `[out, in]`, as PyTorch
 * stores them, except `visual.proj`.
 */
export function weightShapes(config: Config): Map<string, readonly number[]> {
  const { hidden_size: hidden, vocab_size: vocabulary, num_hidden_layers, visual } = config;
  const { width, output_dim, n_queries, patch_size } = visual;
  const shapes = new Map<string, readonly number[]>();
  const declare = (path: string, table: Readonly<Record<string, readonly number[]>>) => {
    for (const [name, shape] of Object.entries(table)) shapes.set(`${path}${name}`, shape);
  };

  declare('transformer.visual.', {
    'conv1.weight': [width, 3, patch_size, patch_size],
    positional_embedding: [POSITION_CELLS, width],
    'ln_pre.weight': [width],
    'ln_pre.bias': [width],
  });
  for (let i = 0; i < visual.layers; i++) {
    declare(`transformer.visual.transformer.resblocks.${i}.`, visionBlockShapes(width, visionMlpWidth(visual)));
  }
  declare('transformer.visual.attn_pool.', {
    // Quirk: when the encoder is as wide as the adapter the projection is an identity and has no weight.
    ...(width === output_dim ? {} : { 'kv_proj.weight': [output_dim, width] }),
    'ln_kv.weight': [output_dim],
    'ln_kv.bias': [output_dim],
    query: [n_queries, output_dim],
    pos_embed: [n_queries, output_dim],
    'ln_q.weight': [output_dim],
    'ln_q.bias': [output_dim],
    'attn.in_proj_weight': [3 * output_dim, output_dim],
    'attn.in_proj_bias': [3 * output_dim],
    'attn.out_proj.weight': [output_dim, output_dim],
    'attn.out_proj.bias': [output_dim],
  });
  declare('transformer.visual.', {
    'ln_post.weight': [output_dim],
    'ln_post.bias': [output_dim],
    proj: [output_dim, output_dim], // [in, out]
  });
  declare('transformer.', { 'wte.weight': [vocabulary, hidden] });
  for (let i = 0; i < num_hidden_layers; i++) declare(`transformer.h.${i}.`, decoderBlockShapes(config));
  declare('transformer.', { 'ln_f.weight': [hidden] });
  declare('', { 'lm_head.weight': [vocabulary, hidden] });
  return shapes;
}

function visionBlockShapes(width: number, mlp: number): Record<string, readonly number[]> {
  return {
    'ln_1.weight': [width],
    'ln_1.bias': [width],
    'attn.in_proj.weight': [3 * width, width],
    'attn.in_proj.bias': [3 * width],
    'attn.out_proj.weight': [width, width],
    'attn.out_proj.bias': [width],
    'ln_2.weight': [width],
    'ln_2.bias': [width],
    'mlp.c_fc.weight': [mlp, width],
    'mlp.c_fc.bias': [mlp],
    'mlp.c_proj.weight': [width, mlp],
    'mlp.c_proj.bias': [width],
  };
}

function decoderBlockShapes(config: Config): Record<string, readonly number[]> {
  const { hidden_size: hidden, num_attention_heads: H, kv_channels: d, no_bias } = config;
  const mlp = mlpWidth(config);
  const biases = {
    'attn.c_proj.bias': [hidden],
    'mlp.w1.bias': [mlp],
    'mlp.w2.bias': [mlp],
    'mlp.c_proj.bias': [hidden],
  };
  return {
    'ln_1.weight': [hidden],
    'attn.c_attn.weight': [3 * H * d, hidden],
    'attn.c_attn.bias': [3 * H * d], // Quirk: there although `no_bias` is true
    'attn.c_proj.weight': [hidden, H * d],
    'ln_2.weight': [hidden],
    'mlp.w1.weight': [mlp, hidden],
    'mlp.w2.weight': [mlp, hidden],
    'mlp.c_proj.weight': [hidden, mlp],
    ...(no_bias ? {} : biases),
  };
}
