import { afterAll, expect, test } from 'vitest';
import { weightShapes } from '../../src/architecture/weight-shapes.ts';
import { startCourse } from '../../src/train/course.ts';
import { RECIPES } from '../../src/train/recipes.ts';
import { wordLoss } from '../../src/train/words.ts';
import { free, read } from '../../tensor/tensor.ts';
import { closeTinyDevices, tinyConfig, tinyData, withTinyModel } from './tiny-run.ts';

afterAll(closeTinyDevices);

const RECIPE = RECIPES.small.adapter;

test('rows that say nothing lose what guessing loses, and what cannot be said is refused', async () => {
  const shapes = weightShapes(await tinyConfig());
  const zeros = (name: string) => new Float32Array(shapes.get(name)!.reduce((a, b) => a * b));
  const weight = (name: string) => (name === 'transformer.visual.proj' ? zeros(name) : undefined);
  await withTinyModel({ weight }, async (model) => {
    const batch = await tinyData(model.config).words!(1, RECIPE, 56);
    const parts: Promise<ArrayLike<number>>[] = [];
    const loss = wordLoss(model, batch, (tensor) => parts.push(read(tensor)));
    expect((await read(loss))[0]).toBeCloseTo(Math.log(model.config.vocab_size), 5);
    expect((await parts[0]).length).toBe(batch.words.length);
    free(loss);
    const refused = (words: Int32Array) => () => wordLoss(model, { ...batch, words }, () => undefined);
    expect(refused(batch.words.map(() => batch.nothing))).toThrow('no slot shows anything, or all do');
    expect(refused(batch.words.map(() => 3))).toThrow('no slot shows anything, or all do');
    expect(refused(batch.words.with(1, model.config.vocab_size))).toThrow('use the vocabulary of the model');
  });
});

test('empty slots and the others weigh the same, whatever their numbers', async () => {
  await withTinyModel({}, async (model) => {
    const batch = await tinyData(model.config).words!(1, RECIPE, 56);
    const parts: Promise<ArrayLike<number>>[] = [];
    const loss = wordLoss(model, batch, (tensor) => parts.push(read(tensor)));
    const [empty, ...said] = Array.from(await parts[0]);
    const mean = said.reduce((sum, part) => sum + part / said.length, 0);
    expect((await read(loss))[0]).toBeCloseTo((empty + mean) / 2, 4);
    free(loss);
  });
});

test('an adapter learns the words that it is shown again and again', async () => {
  const data = tinyData(await tinyConfig());
  const again = { ...data, words: () => data.words!(1, RECIPE, 56) };
  const losses = await withTinyModel({}, async (model) => {
    const recipe = { ...RECIPE, steps: 15, warmup: 1, peak: 1e-2 };
    const course = startCourse(model, again, { phase: 'adapter', recipe, seed: 1 });
    const found: number[] = [];
    for (let step = 1; step <= 15; step++) found.push((await course.step(step)).loss);
    course.free();
    return found;
  });
  expect(losses[0]).toBeGreaterThan(4);
  expect(losses.at(-1)).toBeLessThan(2);
});
