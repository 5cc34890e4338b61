import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openSystem } from '../../src/generate/open-system.ts';
import { openDevice } from '../../src/open-device.ts';
import { describeWork, profileJson } from '../../src/profile/json.ts';
import { profilePasses } from '../../src/profile/profile.ts';
import { profileLines } from '../../src/profile/table.ts';
import { trainingStep } from '../../src/profile/training-step.ts';
import { treatments } from '../../src/train/groups.ts';
import { createOptimiser } from '../../src/train/optimiser.ts';
import { practiceBatch } from '../../src/train/practice-batch.ts';
import { closeDevice } from '../../tensor/device.ts';
import { context, roofs } from './sample.ts';

test('a step of training: the loss, the way back and AdamW, each by itself', async () => {
  const { device } = await openDevice('simd', 1);
  const system = await openSystem(join('golden', 'tiny'), device);
  const { model } = system;
  const size = { conversations: 2, tokens: 24 };
  const batch = practiceBatch(model.config, size);
  const optimiser = createOptimiser(model, treatments(model.config, { decay: 0, layerDecay: 1 }));
  const run = async (recompute: boolean) =>
    profilePasses(
      device,
      async (watch) => {
        await trainingStep(model, batch, { optimiser, recompute, watch });
        return [];
      },
      { mostRuns: 1 },
    );
  const { stepwise, fused } = await run(false);
  const again = await run(true);
  const work = { conversations: 2, length: 24, recompute: false };
  const products = (pass: typeof fused, op: string, part: string) =>
    pass.launches.filter((launch) => launch.op === op && launch.part === part).length;
  expect(fused.parts.map(({ name }) => name)).toEqual(['forward', 'backward', 'optimiser']);
  // Each product forwards has one for its weight on the way back; `proj` is no linear layer, but has one too.
  expect(products(fused, 'weightGradient', 'backward')).toBe(products(fused, 'linear', 'forward') + 1);
  expect(products(again.fused, 'linear', 'backward')).toBeGreaterThan(products(fused, 'linear', 'backward') + 30);
  expect(products(fused, 'adamStep', 'optimiser')).toBeGreaterThan(90);
  expect(stepwise.launches.map(({ tap }) => tap)).toContain('transformer.h.0.mlp.w1.grad');
  const lines = profileLines(again, roofs, describeWork(work, 0).span).join('\n');
  for (const word of ['forward', 'backward', 'optimiser', 'attentionGradient']) expect(lines).toContain(`\n${word} `);
  expect(lines).toContain('over the whole step, ');
  expect(JSON.parse(profileJson({ ...context, work }, again))).toMatchObject({ ...work, tokens: [] });
  optimiser.free();
  await system.close();
  expect([...device.live]).toEqual([]);
  await closeDevice(device);
});
