import { readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { parseConfig } from '../../src/architecture/config.ts';
import { weightShapes } from '../../src/architecture/weight-shapes.ts';
import { priceStages } from '../../src/train/price.ts';
import { configFor, PHASES, RECIPES, TRAINED, withPeak, withSteps } from '../../src/train/recipes.ts';
import { readJson } from './goldens.ts';
import { tinyConfig } from './tiny-run.ts';

const STAGES = ['stage-1', 'stage-2', 'stage-3'] as const;

describe('the small model’s recipes', () => {
  test('follow from the published ones by the rules that they name', () => {
    for (const stage of STAGES) {
      const [published, small] = [RECIPES.published[stage], RECIPES.small[stage]];
      // One over the width: of the encoder, which stage 1 trains, or of the decoder.
      const narrower = stage === 'stage-1' ? 1664 / 192 : 4096 / 256;
      const share = { 'stage-1': 0.0577, 'stage-2': 0.5, 'stage-3': 2.5 }[stage]; // of what the rule gives: recipes.ts says why
      expect(small.peak / (published.peak * narrower)).toBeCloseTo(share, 4);
      const lowest = { 'stage-1': 1, 'stage-2': 1 / 4, 'stage-3': 1 / 2 }[stage];
      expect(small.minimum / (published.minimum * narrower)).toBeCloseTo(share * lowest, 4);
      const warm = stage === 'stage-3' ? 0.1 : published.warmup / published.steps;
      expect(small.warmup / small.steps).toBeCloseTo(warm, 3);
      expect([small.image, small.layerDecay]).toEqual([published.image, published.layerDecay]);
    }
  });

  test('keep their shape with other steps and another peak', () => {
    const recipe = RECIPES.small['stage-3'];
    expect(withSteps(recipe, 80)).toEqual({ ...recipe, steps: 80, warmup: 8 });
    expect(withSteps(recipe, 1).warmup).toBe(1);
    expect(withPeak(recipe, 1e-3)).toEqual({ ...recipe, peak: 1e-3, minimum: expect.closeTo(5e-5, 12) });
  });
});

test('stage 1 sees half as many patches a side', async () => {
  const config = await tinyConfig(); // 4 × 4 patches of 14 pixels
  expect(configFor(config, { image: 'half' }).visual.image_size).toBe(28);
  expect(configFor(config, { image: 'full' })).toBe(config);
  const odd = { ...config, visual: { ...config.visual, image_size: 42 } };
  expect(configFor(odd, { image: 'half' }).visual.image_size).toBe(14);
});

test('stage 0 trains the encoder without the adapter, then the decoder, then all that sees', async () => {
  const names = [...weightShapes(await tinyConfig()).keys()];
  const [encoder, decoder, adapter] = PHASES['0'].map((phase) => names.filter(TRAINED[phase]));
  expect(encoder.filter((name) => !/^transformer\.visual\.(conv1|positional|ln_pre|transformer)/.test(name))).toEqual(
    [],
  );
  expect(encoder.length + decoder.length).toBe(
    names.filter((name) => !/attn_pool|ln_post|visual\.proj/.test(name)).length,
  );
  expect(adapter).toEqual(names.filter((name) => !decoder.includes(name)));
  for (const phase of ['encoder', 'adapter'] as const) expect(TRAINED[phase]('probe.weight')).toBe(true);
});

describe('prices', () => {
  test('count the parameters that the original trains', async () => {
    const path = 'golden/quirks/model-a.config.json';
    const config = parseConfig(JSON.parse(await readFile(path, 'utf8')), path);
    const prices = await priceStages(config);
    // golden/train/README.md, of the original's own parameters; `pos_embed` is in none of the stages.
    expect(prices.map(({ trained }) => trained)).toEqual([431_051, 904_651, 568_192]);
    const golden = await readJson<object>('stages-a');
    expect(JSON.stringify(golden)).toContain('431051');
  });

  test('are what a decoder takes, there, again and back', async () => {
    const path = 'golden/published/config.json';
    const config = parseConfig(JSON.parse(await readFile(path, 'utf8')), path);
    const [, { operations, tokens, pictures, allOperations, recipe, weightBytes, parameters, trained }] =
      await priceStages(config);
    // Eight operations a weight and token (two there, two again, four back), of the decoder and of the encoder for its patches; attention and
    // scores come on top, the embedding is no product.
    const decoder = 7.1e9 * tokens;
    const encoder = 1.84e9 * pictures * 1024;
    expect(operations / (8 * (decoder + encoder))).toBeGreaterThan(0.97);
    expect(operations / (8 * (decoder + encoder))).toBeLessThan(1.1);
    expect(allOperations).toBe(operations * recipe.batch * recipe.steps);
    expect(weightBytes).toBe(4 * (parameters + 3 * trained));
  });
});
