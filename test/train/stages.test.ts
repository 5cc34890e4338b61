import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import type { Model } from '../../src/model/qwen-vl.ts';
import type { Batch } from '../../src/train/batch.ts';
import { lossAndGradients } from '../../src/train/gradients.ts';
import { STAGES } from '../../src/train/groups.ts';
import { nmse } from '../../src/verify/metrics.ts';
import { freeAll, read } from '../../tensor/tensor.ts';
import { readJson, readTensors, withGolden } from './goldens.ts';

interface Stage {
  readonly trainable: readonly string[];
  readonly trainable_parameters: number;
  readonly grad_norm_float64: number;
}

async function gradientsOf(model: Model, batch: Batch, options: Parameters<typeof lossAndGradients>[2] = {}) {
  const { loss, gradients } = await lossAndGradients(model, batch, options);
  const values = new Map(
    await Promise.all([...gradients].map(async ([name, each]) => [name, await read(each)] as const)),
  );
  freeAll(model.device, [...gradients.values()]);
  return { loss, values };
}

/** Of the bytes: large arrays take the test runner seconds to compare. */
const hashesOf = (values: ReadonlyMap<string, ArrayBufferView>) =>
  Object.fromEntries(
    [...values].map(([name, { buffer, byteOffset, byteLength }]) => [
      name,
      createHash('sha256')
        .update(new Uint8Array(buffer, byteOffset, byteLength))
        .digest('hex'),
    ]),
  );

const normOf = (values: ReadonlyMap<string, ArrayLike<number>>): number =>
  Math.sqrt([...values.values()].reduce((sum, each) => sum + Array.from(each).reduce((a, x) => a + x * x, 0), 0));

test('a stage trains its weights alone, and freezing changes no gradient', async () => {
  const golden = await readJson<Record<'stage-1' | 'stage-2' | 'stage-3-paper' | 'stage-3-script', Stage>>('stages-a');
  const { 'stage-3-paper': paper, ...others } = golden;
  const stages: Record<keyof typeof STAGES, Stage> = { ...others, 'stage-3': paper };
  await withGolden('grad-a', { device: 'simd' }, async (model, { golden: { batch } }) => {
    const full = await gradientsOf(model, batch, { trains: () => true });
    for (const [name, trains] of Object.entries(STAGES)) {
      const { trainable, trainable_parameters, grad_norm_float64 } = stages[name as keyof typeof STAGES];
      const { loss, values } = await gradientsOf(model, batch, { trains });
      expect([...values.keys()].sort(), name).toEqual([...trainable].sort());
      expect([...values.values()].reduce((sum, { length }) => sum + length, 0)).toBe(trainable_parameters);
      expect(Math.abs(normOf(values) / grad_norm_float64 - 1), name).toBeLessThan(1e-6);
      expect(loss).toBe(full.loss);
      const all = new Map([...values.keys()].map((weight) => [weight, full.values.get(weight)!]));
      expect(hashesOf(values), name).toEqual(hashesOf(all));
    }
    // The table of positions is trained by the script alone: PyTorch's float32 is as far from its float64 as ours may be.
    const tensors = await readTensors('stages-a');
    const table = 'transformer.visual.attn_pool.pos_embed';
    const [pytorch, exact] = [tensors.get(`grad.${table}`)!, tensors.get(`grad.${table}.f64`)!];
    expect(nmse(full.values.get(table)!, exact)).toBeLessThanOrEqual(nmse(pytorch, exact));
  });
});

test('one thread and two give the same bytes', async () => {
  const [one, two] = await Promise.all(
    [1, 2].map((threads) =>
      withGolden('grad-a', { device: 'simd', threads }, (model, { golden }) => gradientsOf(model, golden.batch)),
    ),
  );
  expect(two.loss).toBe(one.loss);
  expect(hashesOf(two.values)).toEqual(hashesOf(one.values));
});

test('what runs again gives the same bytes as what was kept', async () => {
  await withGolden('grad-e', { device: 'cpu' }, async (model, { golden: { batch } }) => {
    const again = await gradientsOf(model, batch, { recompute: true });
    const kept = await gradientsOf(model, batch, { recompute: false });
    expect(kept.loss).toBe(again.loss);
    expect(hashesOf(kept.values)).toEqual(hashesOf(again.values));
  });
});

test('text alone gives the vision encoder a gradient of 0, not none', async () => {
  await withGolden('grad-e-text', { device: 'cpu' }, async (model, { golden: { batch } }) => {
    const { values } = await gradientsOf(model, batch);
    const vision = [...values].filter(([name]) => name.startsWith('transformer.visual.'));
    expect(vision).toHaveLength(
      Object.keys(model.weights).filter((name) => /visual\.(?!.*pos_embed)/.test(name)).length,
    );
    for (const [name, gradient] of vision)
      expect(
        gradient.every((value) => value === 0),
        name,
      ).toBe(true);
  });
});
