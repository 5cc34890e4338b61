import { afterAll, expect, test } from 'vitest';
import { startCourse } from '../../src/train/course.ts';
import { createProbe, probeLoss } from '../../src/train/probe.ts';
import { RECIPES } from '../../src/train/recipes.ts';
import { free, read } from '../../tensor/tensor.ts';
import { closeTinyDevices, tinyConfig, tinyData, withTinyModel } from './tiny-run.ts';

afterAll(closeTinyDevices);

test('a probe that knows nothing loses what guessing loses', async () => {
  await withTinyModel({}, async (model) => {
    const probe = createProbe(model, 3, 0, (name) => new Float32Array(name === 'probe.weight' ? 64 * (3 + 128) : 131));
    const batch = await tinyData(model.config).patches.batch(1, RECIPES.small.encoder, 56);
    const parts: Promise<ArrayLike<number>>[] = [];
    const loss = probeLoss(model, probe, batch, (tensor) => parts.push(read(tensor)));
    expect((await read(loss))[0]).toBeCloseTo(Math.log(3) + Math.log(32), 5);
    expect((await parts[0]).length).toBe(16);
    const wrong = { ...batch, things: batch.things.map(() => 3) };
    expect(() => probeLoss(model, probe, wrong, () => undefined)).toThrow('thing 3 of 3');
    const empty = { ...batch, things: batch.things.map(() => 0) };
    expect(() => probeLoss(model, probe, empty, () => undefined)).toThrow('no patch shows anything');
    for (const tensor of [loss, probe.weight, probe.bias]) free(tensor);
  });
});

test('an encoder learns what it is shown again and again', async () => {
  const data = tinyData(await tinyConfig());
  const again = {
    ...data,
    patches: { ...data.patches, batch: () => data.patches.batch(1, RECIPES.small.encoder, 56) },
  };
  const losses = await withTinyModel({}, async (model) => {
    const recipe = { ...RECIPES.small.encoder, steps: 15, warmup: 1, peak: 1e-2 };
    const course = startCourse(model, again, { phase: 'encoder', recipe, seed: 1 });
    const found: number[] = [];
    for (let step = 1; step <= 15; step++) found.push((await course.step(step)).loss);
    course.free();
    return found;
  });
  expect(losses[0]).toBeGreaterThan(4);
  expect(losses.at(-1)).toBeLessThan(2);
});
