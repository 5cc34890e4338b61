import { afterAll, expect, test } from 'vitest';
import { weightShapes } from '../../src/architecture/weight-shapes.ts';
import type { Model } from '../../src/model/qwen-vl.ts';
import { startCourse } from '../../src/train/course.ts';
import { createProbe } from '../../src/train/probe.ts';
import { RECIPES } from '../../src/train/recipes.ts';
import { type WordBatch, wordLoss } from '../../src/train/words.ts';
import { free, read } from '../../tensor/tensor.ts';
import { closeTinyDevices, tinyConfig, tinyData, withTinyModel } from './tiny-run.ts';

afterAll(closeTinyDevices);

const RECIPE = RECIPES.small.adapter;
/** Of a probe that knows nothing, and three things. */
const PATCHES = Math.log(3) + Math.log(32);

/** The loss of a batch by a probe of zeros, and the part of each slot. */
async function lossOf(model: Model, batch: WordBatch): Promise<{ loss: number; parts: number[] }> {
  const probe = createProbe(model, 3, 0, (name) => new Float32Array(name === 'probe.weight' ? 64 * (3 + 128) : 131));
  const heard: Promise<ArrayLike<number>>[] = [];
  try {
    const loss = wordLoss(model, probe, batch, (parts) => heard.push(read(parts)));
    const [value] = await read(loss);
    free(loss);
    return { loss: value, parts: Array.from(await heard[0]) };
  } finally {
    for (const tensor of [probe.weight, probe.bias]) free(tensor);
  }
}

test('rows that say nothing lose what guessing loses, and what cannot be said is refused', async () => {
  const shapes = weightShapes(await tinyConfig());
  const zeros = (name: string) => new Float32Array(shapes.get(name)!.reduce((a, b) => a * b));
  const weight = (name: string) => (name === 'transformer.visual.proj' ? zeros(name) : undefined);
  await withTinyModel({ weight }, async (model) => {
    const batch = await tinyData(model.config).patches.words(1, RECIPE, 56);
    const { loss, parts } = await lossOf(model, batch);
    expect(loss).toBeCloseTo(PATCHES + Math.log(model.config.vocab_size), 5);
    expect(parts.length).toBe(batch.words.length);
    const refused = (changed: Partial<WordBatch>) => lossOf(model, { ...batch, ...changed });
    for (const word of [batch.nothing, 3]) {
      await expect(refused({ words: batch.words.map(() => word) })).rejects.toThrow(
        'no slot shows anything, or all do',
      );
    }
    const strange = batch.words.with(1, model.config.vocab_size);
    await expect(refused({ words: strange })).rejects.toThrow('use the vocabulary of the model');
    await expect(refused({ things: batch.things.map(() => 3) })).rejects.toThrow('thing 3 of 3');
  });
});

test('empty slots and the others weigh the same, whatever their numbers', async () => {
  await withTinyModel({}, async (model) => {
    const { loss, parts } = await lossOf(model, await tinyData(model.config).patches.words(1, RECIPE, 56));
    const [empty, ...said] = parts;
    const mean = said.reduce((sum, part) => sum + part / said.length, 0);
    expect(loss).toBeCloseTo(PATCHES + (empty + mean) / 2, 4);
  });
});

test('an adapter learns the words that it is shown again and again', async () => {
  const data = tinyData(await tinyConfig());
  const again = { ...data, patches: { ...data.patches, words: () => data.patches.words(1, RECIPE, 56) } };
  const said = await withTinyModel({}, async (model) => {
    const recipe = { ...RECIPE, steps: 15, warmup: 1, peak: 1e-2 };
    const course = startCourse(model, again, { phase: 'adapter', recipe, seed: 1 });
    const found: number[] = [];
    for (let step = 1; step <= 15; step++) found.push((await course.step(step)).tasks['words in slots']);
    course.free();
    return found;
  });
  expect(said[0]).toBeGreaterThan(4);
  expect(said.at(-1)).toBeLessThan(3); // embeddings of 64 dimensions, as they begin, leave 2.5
});
