import { readFields } from '../fields.ts';

/** The vision encoder and the adapter, as `config.json` describes them. */
export interface VisualConfig {
  /** Pixels a side of the square image. */
  readonly image_size: number;
  /** Pixels a side of a patch. */
  readonly patch_size: number;
  /** D */
  readonly width: number;
  readonly layers: number;
  readonly heads: number;
  /** The hidden width of an MLP is `width · mlp_ratio`, see visionMlpWidth. */
  readonly mlp_ratio: number;
  /** C: the width of the adapter, which is the language model's. */
  readonly output_dim: number;
  /** The token `<img>`; `</img>` and `<imgpad>` follow it. */
  readonly image_start_id: number;
  /** Q: the tokens that stand for an image. */
  readonly n_queries: number;
}

/** A Qwen-VL model, under the names of its `config.json`. */
export interface Config {
  readonly hidden_size: number;
  readonly num_hidden_layers: number;
  /** H */
  readonly num_attention_heads: number;
  /** d: the size of an attention head. */
  readonly kv_channels: number;
  /** Twice the width of either branch of an MLP, see mlpWidth. */
  readonly intermediate_size: number;
  /** V */
  readonly vocab_size: number;
  /** The length it was trained on, beyond which dynamic NTK and log-n set in. */
  readonly seq_length: number;
  readonly max_position_embeddings: number;
  readonly layer_norm_epsilon: number;
  readonly rotary_emb_base: number;
  readonly use_dynamic_ntk: boolean;
  readonly use_logn_attn: boolean;
  /** The decoder's linear layers have no biases. Quirk: `attn.c_attn` has one all the same. */
  readonly no_bias: boolean;
  readonly visual: VisualConfig;
}

/** The size of the adapter's heads is fixed in the original: `output_dim / 128` of them. */
export const ADAPTER_HEAD_SIZE = 128;

/** Far beyond every published model, and small enough that no table made from a config is a burden. */
const MOST = {
  ...{ width: 65_536, layers: 1024, heads: 1024, headSize: 1024, vocabulary: 1 << 20, positions: 1 << 17 },
  ...{ side: 64, pixels: 2048 }, // a side: patches, pixels
};

/**
 * Checks a parsed `config.json`. Fields that say nothing about the network are ignored.
 *
 * @param where the file, for errors
 * @throws CheckpointError that names every value that is missing or impossible
 */
export function parseConfig(json: unknown, where: string): Config {
  const fields = readFields(json, where, 'use the config.json of a Qwen-VL checkpoint');
  const { integer, number, boolean, rule } = fields;
  const visual = fields.object('visual');
  const config: Config = {
    hidden_size: integer('hidden_size', 1, MOST.width),
    num_hidden_layers: integer('num_hidden_layers', 1, MOST.layers),
    num_attention_heads: integer('num_attention_heads', 1, MOST.heads),
    kv_channels: integer('kv_channels', 4, MOST.headSize), // NTK's exponent d / (d − 2) has a pole at 2
    intermediate_size: integer('intermediate_size', 2, 8 * MOST.width),
    vocab_size: integer('vocab_size', 3, MOST.vocabulary),
    seq_length: integer('seq_length', 2, MOST.positions), // log-n takes logarithms to this base
    max_position_embeddings: integer('max_position_embeddings', 1, MOST.positions),
    layer_norm_epsilon: number('layer_norm_epsilon', 1e-12, 1),
    rotary_emb_base: number('rotary_emb_base', 1, 1e12),
    use_dynamic_ntk: boolean('use_dynamic_ntk'),
    use_logn_attn: boolean('use_logn_attn'),
    no_bias: boolean('no_bias', true),
    visual: {
      image_size: visual.integer('image_size', 1, MOST.pixels),
      patch_size: visual.integer('patch_size', 1, 256),
      width: visual.integer('width', 1, MOST.width),
      layers: visual.integer('layers', 1, MOST.layers),
      heads: visual.integer('heads', 1, MOST.heads),
      mlp_ratio: visual.number('mlp_ratio', 1 / MOST.width, 64),
      output_dim: visual.integer('output_dim', 1, MOST.width),
      image_start_id: visual.integer('image_start_id', 0, MOST.vocabulary),
      n_queries: visual.integer('n_queries', 1, MOST.side ** 2, 256),
    },
  };
  const { hidden_size, num_attention_heads: H, kv_channels: d, intermediate_size, vocab_size } = config;
  const { image_size, patch_size, width, heads, mlp_ratio, output_dim, image_start_id, n_queries } = config.visual;
  const patches = image_size / patch_size;

  rule([H, d, hidden_size], H * d === hidden_size, 'num_attention_heads · kv_channels must be hidden_size');
  rule([d], d % 2 === 0, 'kv_channels must be even (rotary turns halves)');
  rule([intermediate_size], intermediate_size % 2 === 0, 'intermediate_size must be even (it counts both branches)');
  rule([patches], Number.isInteger(patches), 'visual.image_size must be a multiple of visual.patch_size');
  rule([patches], patches <= MOST.side, `visual.image_size must be at most ${MOST.side} patches`);
  rule([width, heads], width % heads === 0, 'visual.width must be a multiple of visual.heads');
  rule([width, mlp_ratio], width * mlp_ratio >= 1, 'visual.width · visual.mlp_ratio must be at least 1');
  rule([output_dim], output_dim % ADAPTER_HEAD_SIZE === 0, 'visual.output_dim must be a multiple of 128');
  rule([output_dim, hidden_size], output_dim === hidden_size, 'visual.output_dim must be hidden_size');
  rule([n_queries], Number.isInteger(Math.sqrt(n_queries)), 'visual.n_queries must be a square number');
  rule(
    [image_start_id, vocab_size],
    image_start_id + 2 < vocab_size,
    'visual.image_start_id and the two ids after it must be below vocab_size',
  );
  // What the published code can be told but Qwen-VL never is; another value means other mathematics.
  rule([], number('rotary_pct', 0, 1, 1) === 1, 'rotary_pct must be 1');
  rule([], !boolean('tie_word_embeddings', false), 'tie_word_embeddings must be false');
  fields.finish();
  return config;
}

/** M: the hidden width of a vision block's MLP. The product is cut, not rounded, as Python's `int` does. */
export function visionMlpWidth({ width, mlp_ratio }: VisualConfig): number {
  return Math.trunc(width * mlp_ratio);
}

/** The width of either branch of the decoder's MLP. Quirk: `intermediate_size` counts both. */
export function mlpWidth({ intermediate_size }: Config): number {
  return intermediate_size / 2;
}

/** Patches a side of an image. */
export function patchGrid({ image_size, patch_size }: VisualConfig): number {
  return image_size / patch_size;
}
