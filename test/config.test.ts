import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { mlpWidth, parseConfig, patchGrid, visionMlpWidth } from '../src/architecture/config.ts';
import { weightShapes } from '../src/architecture/weight-shapes.ts';
import { CheckpointError } from '../src/error.ts';
import { survives } from './checkpoint/hostile.ts';

const readJson = (file: string) => JSON.parse(readFileSync(new URL(`../golden/${file}`, import.meta.url), 'utf8'));
const published = readJson('published/config.json');

/** The published config with some fields replaced; a name may lead into `visual`. */
function changed(changes: Record<string, unknown>): unknown {
  const json = structuredClone(published);
  for (const [name, value] of Object.entries(changes)) {
    if (name.startsWith('visual.')) json.visual[name.slice(7)] = value;
    else json[name] = value;
  }
  return json;
}

function messageFor(json: unknown): string {
  try {
    parseConfig(json, 'config.json');
  } catch (error) {
    expect(error).toBeInstanceOf(CheckpointError);
    return (error as Error).message;
  }
  throw new Error('the config was accepted');
}

describe('the published Qwen-VL', () => {
  const config = parseConfig(published, 'config.json');
  const shapes = weightShapes(config);

  test('derived sizes', () => {
    expect(visionMlpWidth(config.visual)).toBe(8192);
    expect(mlpWidth(config)).toBe(11008);
    expect(patchGrid(config.visual)).toBe(32);
    expect(config.visual.n_queries).toBe(256); // absent in the file
  });

  test('853 tensors, 9,656,935,168 parameters, in the three parts of the paper', () => {
    const parts = { vision: 0, adapter: 0, language: 0 };
    for (const [name, shape] of shapes) {
      const ofAdapter = /^transformer\.visual\.(attn_pool|ln_post|proj)\b/.test(name);
      const part = ofAdapter ? 'adapter' : name.startsWith('transformer.visual.') ? 'vision' : 'language';
      parts[part] += shape.reduce((a, b) => a * b, 1);
    }
    expect(shapes.size).toBe(853);
    expect(parts).toEqual({ vision: 1_842_770_688, adapter: 92_839_936, language: 7_721_324_544 });
  });

  test('names and shapes are those of the published index', () => {
    const lines = [...shapes].map(([name, shape]) => `${name} [${shape.join(', ')}]\n`).sort();
    const hash = createHash('sha256').update(lines.join('')).digest('hex');
    expect(hash).toBe('1b1c9a276748265fbc9682652e429bc2b5ac839a9192b99a420db0cf4c5a72e5');
  });
});

describe('what is impossible', () => {
  test.each<[Record<string, unknown>, RegExp]>([
    [{ hidden_size: 4095 }, /num_attention_heads · kv_channels must be hidden_size; visual.output_dim must be hidden/],
    [{ hidden_size: '4096' }, /hidden_size is "4096", expected a whole number from 1 to 65536; use/],
    [{ hidden_size: 1e9 }, /hidden_size is 1000000000, expected a whole number from 1 to 65536; use/],
    [{ num_hidden_layers: 0 }, /num_hidden_layers is 0/],
    [{ num_hidden_layers: 1025 }, /num_hidden_layers is 1025/],
    [{ num_attention_heads: 1.5 }, /num_attention_heads is 1.5/],
    [{ kv_channels: 1025 }, /kv_channels is 1025, expected a whole number from 4 to 1024/],
    [{ 'visual.image_size': 4096 }, /visual.image_size is 4096, expected a whole number from 1 to 2048/],
    [{ kv_channels: 129 }, /kv_channels must be hidden_size; kv_channels must be even/],
    [{ intermediate_size: 22015 }, /intermediate_size must be even/],
    [{ vocab_size: 151859 }, /visual.image_start_id and the two ids after it must be below vocab_size/],
    [{ vocab_size: 2 ** 21 }, /vocab_size is 2097152/],
    [{ seq_length: 1 }, /seq_length is 1/],
    [{ max_position_embeddings: null }, /max_position_embeddings is null/],
    [{ layer_norm_epsilon: 0 }, /layer_norm_epsilon is 0/],
    [{ rotary_emb_base: -1 }, /rotary_emb_base is -1/],
    [{ use_dynamic_ntk: 1 }, /use_dynamic_ntk is 1, expected true or false/],
    [{ use_logn_attn: undefined }, /use_logn_attn missing; use/],
    [{ rotary_pct: 0.5 }, /rotary_pct must be 1/],
    [{ no_bias: 'yes' }, /no_bias is "yes", expected true or false/],
    [{ tie_word_embeddings: true }, /tie_word_embeddings must be false/],
    [{ visual: [] }, /visual is a list, expected an object; use/],
    [{ visual: undefined }, /config.json: visual missing; use/],
    [{ 'visual.image_size': 449 }, /visual.image_size must be a multiple of visual.patch_size/],
    [{ 'visual.image_size': 14 * 65 }, /visual.image_size must be at most 64 patches/],
    [{ 'visual.width': 1665 }, /visual.width must be a multiple of visual.heads/],
    [{ 'visual.mlp_ratio': 1 / 2000 }, /visual.width · visual.mlp_ratio must be at least 1/],
    [
      { 'visual.output_dim': 4000 },
      /visual.output_dim must be a multiple of 128; visual.output_dim must be hidden_size/,
    ],
    [{ 'visual.n_queries': 255 }, /visual.n_queries must be a square number/],
  ])('%j', (changes, expected) => {
    expect(messageFor(changed(changes))).toMatch(expected);
  });

  test('everything is said at once, in one line', () => {
    const message = messageFor(
      changed({ hidden_size: 'x\ny', rotary_pct: 0.5, vocab_size: undefined, 'visual.heads': {} }),
    );
    expect(message).toBe(
      'config.json: vocab_size missing; hidden_size is "x\\ny", expected a whole number from 1 to 65536; ' +
        'visual.heads is an object, expected a whole number from 1 to 1024; rotary_pct must be 1; ' +
        'use the config.json of a Qwen-VL checkpoint',
    );
  });

  test('a config that is no object', () => {
    for (const json of [null, [], 'text', 3]) expect(messageFor(json)).toMatch(/expected an object/);
  });

  test('inherited names are no fields', () => {
    const { hidden_size, ...rest } = published;
    expect(hidden_size).toBe(4096);
    expect(messageFor(Object.assign(Object.create({ hidden_size }), rest))).toMatch(/hidden_size missing/);
  });

  test('any JSON is accepted or refused, and what is accepted has shapes', async () => {
    const names = [...Object.keys(published), ...Object.keys(published.visual).map((name) => `visual.${name}`)];
    const change = fc.tuple(fc.constantFrom(...names), fc.oneof(fc.jsonValue(), fc.integer(), fc.double()));
    const outcomes = new Set<string>();
    const property = fc.asyncProperty(fc.array(change, { maxLength: 3 }), async (changes) => {
      const json = changed(Object.fromEntries(changes.filter(([name]) => name !== 'visual')));
      const work = () => {
        for (const shape of weightShapes(parseConfig(json, 'config.json')).values()) {
          expect(shape.every((size) => Number.isSafeInteger(size) && size > 0)).toBe(true);
        }
      };
      outcomes.add(await survives(work));
    });
    await fc.assert(property, { numRuns: 200 });
    expect(outcomes.size).toBe(2);
  });
});

test.each([
  ['tiny/config.json', 256, 16],
  ['quirks/model-a.config.json', 128, 9],
  ['quirks/model-b.config.json', 128, 16],
  ['quirks/model-e.config.json', 128, 4],
])('%s', (file, hidden, queries) => {
  const config = parseConfig(readJson(file), file);
  expect([config.hidden_size, config.visual.n_queries]).toEqual([hidden, queries]);
});

test('the vision MLP is cut, not rounded', () => {
  // 80 · 4.9231 = 393.848
  expect(visionMlpWidth(parseConfig(readJson('quirks/model-a.config.json'), 'a').visual)).toBe(393);
});
