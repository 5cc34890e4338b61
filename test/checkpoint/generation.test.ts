import { describe, expect, test } from 'vitest';
import { parseConfig } from '../../src/architecture/config.ts';
import { parseGenerationConfig, unsupportedSettings } from '../../src/checkpoint/generation.ts';
import { CheckpointError } from '../../src/error.ts';
import { golden } from './model-folder.ts';

const parse = (json: unknown) => parseGenerationConfig(json, 'generation_config.json');
const unsupported = (json: unknown) => unsupportedSettings(json, 'generation_config.json');

describe('what a generation_config.json leaves out', () => {
  test('is as in transformers, which writes only what differs from its defaults', () => {
    expect(parse({ temperature: 3 })).toEqual({
      chat_format: 'chatml',
      do_sample: false,
      temperature: 3,
      top_k: 50,
      top_p: 1,
      repetition_penalty: 1,
      min_new_tokens: 0,
      eos_token_id: [],
      max_new_tokens: 512,
      max_window_size: 6144,
    });
  });

  test('null is as good as left out; a top-k of null is none', () => {
    const nothing = Object.fromEntries(Object.keys(parse({})).map((name) => [name, null]));
    expect(parse(nothing)).toEqual({ ...parse({}), top_k: 0 });
    expect(unsupported(nothing)).toEqual([]);
  });
});

test.each([
  [551, [551]],
  [
    [551, 553],
    [551, 553],
  ],
  [[], []],
  [null, []],
])('eos_token_id %j ends an answer by %j', (value, ids) => {
  expect(parse({ eos_token_id: value }).eos_token_id).toEqual(ids);
});

test.each([
  [{ eos_token_id: -1 }, 'eos_token_id is -1, expected whole numbers from 0'],
  [{ eos_token_id: [551, 'x'] }, 'eos_token_id is a list, expected whole numbers'],
  [{ eos_token_id: [[551]] }, 'eos_token_id is a list, expected whole numbers'],
  [{ min_new_tokens: 10, max_new_tokens: 5 }, 'min_new_tokens is 10, expected at most max_new_tokens, 5'],
  [{ min_new_tokens: 600 }, 'min_new_tokens is 600, expected at most max_new_tokens, 512'],
  [{ do_sample: 'yes' }, 'do_sample is "yes", expected true or false'],
])('%j is refused', (json, message) => {
  expect(() => parse(json)).toThrow(CheckpointError);
  expect(() => parse(json)).toThrow(message);
});

describe('what is asked for and not done is said in one line', () => {
  test('by its name, with its value where it is short', () => {
    const json = { num_beams: 4, no_repeat_ngram_size: 2, min_p: 0.9, bad_words_ids: [[431]], stop_words_ids: [[431]] };
    expect(unsupported({ ...json, do_sample: false, pad_token_id: 551, transformers_version: '4.31.0' })).toEqual([
      'generation_config.json: not supported, and without effect here: ' +
        'num_beams = 4, no_repeat_ngram_size = 2, min_p = 0.9, bad_words_ids, stop_words_ids',
    ]);
  });

  test.each([
    ['typical_p', 0.5],
    ['epsilon_cutoff', 0.01],
    ['penalty_alpha', 0.6],
    ['suppress_tokens', [1]],
    ['stop_strings', 'x'],
    ['sequence_bias', { 1: 2 }],
    ['forced_eos_token_id', 7],
    ['min_length', 3],
    ['max_length', 30],
    ['num_return_sequences', 2],
    ['guidance_scale', 2],
    ['max_time', 10],
    ['temprature', 0.5],
  ])('%s', (name, value) => expect(unsupported({ [name]: value })[0]).toContain(name));

  test('what changes nothing is not said', () => {
    const idle = { num_beams: 1, min_p: 0, typical_p: 1, max_length: 20, bad_words_ids: [], renormalize_logits: false };
    expect(unsupported(idle)).toEqual([]);
    expect(unsupported({ max_length: 30, max_new_tokens: 5 })).toEqual([]); // the latter counts
  });

  test('names are cut, escaped and counted', () => {
    const hostile = Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`\x1b[2J${i}${'x'.repeat(99)}`, 'y']));
    const [line] = unsupported(hostile);
    expect(line).toMatch(/and 992 more$/);
    expect(line.length).toBeLessThan(1500);
    expect(line).not.toMatch(/\p{Cc}/u);
  });
});

test('null in a config.json is as good as left out', async () => {
  const { readFile } = await import('node:fs/promises');
  const json = JSON.parse(await readFile(`${golden('tiny')}/config.json`, 'utf8'));
  const published = parseConfig(json, 'config.json');
  expect(parseConfig({ ...json, rotary_pct: null, no_bias: null, tie_word_embeddings: null }, 'config.json')).toEqual(
    published,
  );
  expect(() => parseConfig({ ...json, hidden_size: null }, 'config.json')).toThrow('hidden_size is null');
});
