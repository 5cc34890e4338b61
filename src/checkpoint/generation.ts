import { isObject, readFields } from '../fields.ts';
import { quote, some } from '../quote.ts';

/** How a checkpoint wants to be asked, under the names of its `generation_config.json`. */
export interface GenerationConfig {
  /** `raw` for the base model, which continues text; `chatml` for the chat model. */
  readonly chat_format: 'chatml' | 'raw';
  readonly do_sample: boolean;
  readonly temperature: number;
  readonly top_p: number;
  /** 0: no limit. */
  readonly top_k: number;
  readonly repetition_penalty: number;
  readonly min_new_tokens: number;
  /** Each ends an answer, beside those that end a message of the chat. */
  readonly eos_token_id: readonly number[];
  readonly max_new_tokens: number;
  /** Tokens that system prompt and history may have together; older turns are left out. */
  readonly max_window_size: number;
}

/** As in the published Qwen-VL-Chat: for checkpoints without such a file. */
export const PUBLISHED_GENERATION: GenerationConfig = {
  chat_format: 'chatml',
  do_sample: true,
  temperature: 1,
  top_p: 0.3,
  top_k: 0,
  repetition_penalty: 1,
  min_new_tokens: 0,
  eos_token_id: [],
  max_new_tokens: 512,
  max_window_size: 6144,
};

const MOST_TOKENS = 1 << 17;
const MOST_IDS = 1 << 20;

/**
 * Checks a parsed `generation_config.json`. What it leaves out is as in transformers, which writes only what differs from its
 * defaults; what transformers has no default for, or only one of no use (20 tokens, those of the prompt among them), as in
 * the published Qwen-VL-Chat. A step that is null is not taken.
 *
 * @param where the file, for errors
 * @throws CheckpointError that names every impossible value
 */
export function parseGenerationConfig(json: unknown, where: string): GenerationConfig {
  const fields = readFields(json, where, 'use the generation_config.json of a Qwen-VL checkpoint');
  const { chat_format, max_new_tokens, max_window_size } = PUBLISHED_GENERATION;
  const noTopK = isObject(json) && json.top_k === null;
  const generation: GenerationConfig = {
    chat_format: fields.oneOf('chat_format', ['chatml', 'raw'], chat_format),
    do_sample: fields.boolean('do_sample', false),
    temperature: fields.number('temperature', 0, 1e4, 1),
    top_p: fields.number('top_p', 0, 1, 1),
    top_k: fields.integer('top_k', 0, MOST_IDS, noTopK ? 0 : 50),
    repetition_penalty: fields.number('repetition_penalty', 1e-4, 1e4, 1),
    min_new_tokens: fields.integer('min_new_tokens', 0, MOST_TOKENS, 0),
    eos_token_id: fields.integers('eos_token_id', 0, MOST_IDS),
    max_new_tokens: fields.integer('max_new_tokens', 1, MOST_TOKENS, max_new_tokens),
    max_window_size: fields.integer('max_window_size', 1, MOST_TOKENS, max_window_size),
  };
  const { min_new_tokens: least, max_new_tokens: most } = generation;
  fields.rule([least, most], least <= most, `min_new_tokens is ${least}, expected at most max_new_tokens, ${most}`);
  fields.finish();
  return generation;
}

/** Settings that choose no token: names of tokens for other purposes, caches, what is returned, how beams are ranked. */
const WITHOUT_EFFECT: ReadonlySet<string> = new Set([
  ...Object.keys(PUBLISHED_GENERATION),
  ...['pad_token_id', 'bos_token_id', 'decoder_start_token_id', 'user_token_id', 'assistant_token_id'],
  ...[
    'transformers_version',
    '_from_model_config',
    'low_memory',
    'disable_compile',
    'compile_config',
    'trust_remote_code',
  ],
  ...['use_cache', 'cache_implementation', 'cache_config', 'return_legacy_cache', 'prefill_chunk_size'],
  ...['output_attentions', 'output_hidden_states', 'output_scores', 'output_logits', 'return_dict_in_generate'],
  ...['early_stopping', 'length_penalty', 'num_assistant_tokens', 'num_assistant_tokens_schedule'],
  ...['assistant_confidence_threshold', 'assistant_early_exit', 'assistant_lookbehind', 'target_lookbehind'],
  ...['prompt_lookup_num_tokens', 'max_matching_ngram_size', 'is_assistant'],
]);

/** Settings whose value says that they do nothing, beside null, false and what is empty. */
const NEUTRAL: Readonly<Record<string, number>> = {
  num_beams: 1,
  num_beam_groups: 1,
  num_return_sequences: 1,
  no_repeat_ngram_size: 0,
  encoder_no_repeat_ngram_size: 0,
  min_p: 0,
  typical_p: 1,
  epsilon_cutoff: 0,
  eta_cutoff: 0,
  penalty_alpha: 0,
  diversity_penalty: 0,
  encoder_repetition_penalty: 1,
  guidance_scale: 1,
  min_length: 0,
};

/**
 * What a `generation_config.json` asks for and is not done here.
 *
 * @param where the file
 * @returns one line, or none
 */
export function unsupportedSettings(json: unknown, where: string): string[] {
  if (!isObject(json)) return [];
  const asked = Object.entries(json).filter(
    ([name, value]) => !WITHOUT_EFFECT.has(name) && !isNeutral(name, value, json),
  );
  if (asked.length === 0) return [];
  const named = asked.map(([name, value]) => {
    const plain = /^\w{1,40}$/.test(name) ? name : quote(name);
    return typeof value === 'object' ? plain : `${plain} = ${quote(value)}`;
  });
  return [`${where}: not supported, and without effect here: ${some(named, 8)}`];
}

function isNeutral(name: string, value: unknown, json: Readonly<Record<string, unknown>>): boolean {
  if (value === null || value === false) return true;
  if (typeof value === 'object' && Object.keys(value as object).length === 0) return true;
  // It is overruled by `max_new_tokens`, and 20 is what stands there by default.
  if (name === 'max_length') return value === 20 || typeof json.max_new_tokens === 'number';
  return Object.hasOwn(NEUTRAL, name) && value === NEUTRAL[name];
}
