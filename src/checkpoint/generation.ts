import { readFields } from '../fields.ts';

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
  readonly eos_token_id: number;
  readonly pad_token_id: number;
  readonly max_new_tokens: number;
  /** Tokens that system prompt and history may have together; older turns are left out. */
  readonly max_window_size: number;
}

const MOST_TOKENS = 1 << 17;
const MOST_IDS = 1 << 20;

/**
 * Checks a parsed `generation_config.json`; what it leaves out is as in the published Qwen-VL-Chat.
 *
 * @param where the file, for errors
 * @throws CheckpointError that names every impossible value
 */
export function parseGenerationConfig(json: unknown, where: string): GenerationConfig {
  const fields = readFields(json, where, 'use the generation_config.json of a Qwen-VL checkpoint');
  const generation: GenerationConfig = {
    chat_format: fields.oneOf('chat_format', ['chatml', 'raw'], 'chatml'),
    do_sample: fields.boolean('do_sample', true),
    temperature: fields.number('temperature', 0, 1e4, 1),
    top_p: fields.number('top_p', 0, 1, 0.3),
    top_k: fields.integer('top_k', 0, MOST_IDS, 0),
    repetition_penalty: fields.number('repetition_penalty', 1e-4, 1e4, 1),
    min_new_tokens: fields.integer('min_new_tokens', 0, MOST_TOKENS, 0),
    eos_token_id: fields.integer('eos_token_id', 0, MOST_IDS, 151_643),
    pad_token_id: fields.integer('pad_token_id', 0, MOST_IDS, 151_643),
    max_new_tokens: fields.integer('max_new_tokens', 1, MOST_TOKENS, 512),
    max_window_size: fields.integer('max_window_size', 1, MOST_TOKENS, 6144),
  };
  fields.finish();
  return generation;
}
