import { afterAll, expect, test } from 'vitest';
import { lossAndGradients } from '../../src/train/gradients.ts';
import { type Haze, hazeOver } from '../../src/train/haze.ts';
import { RECIPES } from '../../src/train/recipes.ts';
import { freeAll, read } from '../../tensor/tensor.ts';
import { closeTinyDevices, tinyConfig, tinyData, withTinyModel } from './tiny-run.ts';

afterAll(closeTinyDevices);

test('haze lies over the tokens of pictures, and none of it changes nothing', async () => {
  const config = await tinyConfig();
  const batch = await tinyData(config).batch('decoder', 1, RECIPES.small.decoder, 56);
  const haze = hazeOver('a', 1, config);
  const [zeros, ones] = [haze.noise.map(() => 0), haze.lengths.map(() => 1)];
  await withTinyModel({}, async (model, device) => {
    const lossOf = async (haze?: Haze) => {
      const { loss, gradients } = await lossAndGradients(model, { ...batch, haze });
      const embedded = gradients.get('transformer.wte.weight')!;
      const values = Array.from(await read(embedded));
      freeAll(device, [...gradients.values()]);
      return { loss, values };
    };
    const clear = await lossOf();
    const none = await lossOf({ noise: zeros, lengths: ones });
    expect(none.loss).toBe(clear.loss);
    for (const [i, value] of none.values.entries()) expect(value).toBeCloseTo(clear.values[i], 6);
    expect((await lossOf({ noise: haze.noise, lengths: ones })).loss).not.toBe(clear.loss);
    expect((await lossOf({ noise: zeros, lengths: haze.lengths })).loss).not.toBe(clear.loss);
  });
});

test('a haze is of its key alone, and as strong as it may be', async () => {
  const config = await tinyConfig();
  const { noise, lengths } = hazeOver('a', 400, config);
  expect(hazeOver('a', 400, config)).toEqual({ noise, lengths });
  expect(hazeOver('b', 400, config).noise).not.toEqual(noise);
  const each = noise.length / 400;
  const strengths = Array.from({ length: 400 }, (_, i) =>
    Math.sqrt(noise.subarray(i * each, (i + 1) * each).reduce((sum, value) => sum + value ** 2, 0) / each),
  );
  expect(Math.max(...strengths)).toBeLessThan(0.07); // three deviations of embeddings, and what chance adds
  expect(Math.max(...strengths)).toBeGreaterThan(0.05);
  expect(Math.min(...strengths)).toBeLessThan(0.001);
  expect([Math.min(...lengths) < 0.55, Math.min(...lengths) >= 0.5]).toEqual([true, true]);
  expect([Math.max(...lengths) > 7, Math.max(...lengths) <= 8]).toEqual([true, true]);
});
