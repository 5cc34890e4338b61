import { expect, test } from 'vitest';
import { lossAndGradients } from '../../src/train/gradients.ts';
import { treatments } from '../../src/train/groups.ts';
import { createOptimiser } from '../../src/train/optimiser.ts';
import { learningRate } from '../../src/train/schedule.ts';
import { sampled } from '../../src/verify/gradients/gradient-tap.ts';
import { read } from '../../tensor/tensor.ts';
import { readJson, readTensors, withGolden } from './goldens.ts';

interface Step {
  readonly loss: number;
  readonly grad_norm: number;
  readonly lr: number;
  readonly group_lr: Readonly<Record<string, number>>;
}

interface Golden {
  readonly full_values: readonly string[];
  readonly float32: readonly Step[];
  readonly float64: readonly Step[];
  readonly groups: readonly {
    readonly label: string;
    readonly multiplier: number;
    readonly weight_decay: number;
    readonly parameters: readonly string[];
  }[];
}

const SCHEDULE = { peak: 3e-3, minimum: 1e-5, warmup: 3, steps: 6 };
const TREATED = { decay: 0.05, layerDecay: 0.95 };

const l2 = (values: ArrayLike<number>): number => Math.sqrt(Array.from(values).reduce((sum, x) => sum + x * x, 0));
const apart = (a: ArrayLike<number>, b: ArrayLike<number>): number => l2(Array.from(a, (value, i) => value - b[i]));

test('rates, decay and groups are the golden’s', async () => {
  const { groups, float64 } = await readJson<Golden>('adamw-a');
  await withGolden('grad-a', { device: 'null' }, async ({ config }) => {
    const treated = treatments(config, TREATED);
    for (const { label, multiplier, weight_decay: decay, parameters } of groups) {
      for (const name of parameters) {
        expect(treated.get(name)!.decay, name).toBe(decay);
        expect(treated.get(name)!.multiplier, name).toBeCloseTo(multiplier, 14);
      }
      for (const [i, { group_lr }] of float64.entries()) {
        expect(learningRate(i + 1, SCHEDULE) * multiplier).toBeCloseTo(group_lr[label], 16);
      }
    }
    expect(groups.flatMap(({ parameters }) => parameters)).toHaveLength(treated.size - 1); // all but the table of positions
  });
});

/**
 * How many times PyTorch float32's own distance to float64 ours may be. `simd` is float32 too, with other roundings: its distance is
 * another draw of the same size, of losses and norms of a single number; `cpu` computes in float64 and rounds what it stores.
 */
const BOUNDS = { cpu: 0.5, simd: 2 } as const;
/** Below this, PyTorch's own distance is luck: a few roundings of the number. */
const ROUNDINGS = 4 * 2 ** -24;

test.each([
  ['simd', 6],
  ['cpu', 2],
] as const)('steps of AdamW on %s: %i', async (device, steps) => {
  const { full_values, float32, float64 } = await readJson<Golden>('adamw-a');
  const [single, exact] = await Promise.all([readTensors('adamw-a'), readTensors('adamw-a.f64')]);
  const worst = { loss: 0, norm: 0, value: 0, sample: 0, moment: 0 };
  const close = (kind: keyof typeof worst, ours: ArrayLike<number>, key: string, at = 0) => {
    const part = (values: ReadonlyMap<string, Float64Array>) =>
      values.get(key)!.subarray(at * ours.length, (at + 1) * ours.length);
    const allowed = Math.max(apart(part(single), part(exact)), ROUNDINGS * l2(part(exact)));
    const ratio = apart(ours, part(exact)) / allowed;
    worst[kind] = Math.max(worst[kind], ratio);
    expect(ratio, `${key}, step ${at + 1}`).toBeLessThanOrEqual(BOUNDS[device]);
  };
  await withGolden('grad-a', { device }, async (model, { golden: { batch } }) => {
    const optimiser = createOptimiser(model, treatments(model.config, TREATED));
    for (let s = 1; s <= steps; s++) {
      const { loss, gradients } = await lossAndGradients(model, batch);
      const norm = await optimiser.step(gradients, learningRate(s, SCHEDULE));
      const [theirs, own] = [float64[s - 1], float32[s - 1]];
      for (const [kind, found, key] of [
        ['loss', loss, 'loss'],
        ['norm', norm, 'grad_norm'],
      ] as const) {
        const allowed = Math.max(Math.abs(own[key] - theirs[key]), ROUNDINGS * theirs[key]);
        const ratio = Math.abs(found - theirs[key]) / allowed;
        worst[kind] = Math.max(worst[kind], ratio);
        expect(ratio, `${key} of step ${s}`).toBeLessThanOrEqual(BOUNDS[device]);
      }
      for (const name of full_values) close('value', await read(model.weights[name]), `value.${name}`, s - 1);
      for (const name of optimiser.moments.keys()) {
        const values = await read(model.weights[name]);
        const places = sampled(name, values.length, 256);
        close(
          'sample',
          places.map((place) => values[place]),
          `sample.${name}`,
          s - 1,
        );
      }
    }
    expect(optimiser.steps).toBe(steps);
    if (steps === 6) {
      for (const name of full_values) {
        const { m, v } = optimiser.moments.get(name)!;
        close('moment', await read(m), `exp_avg.${name}`);
        close('moment', await read(v), `exp_avg_sq.${name}`);
      }
    }
    optimiser.free();
  });
  console.log(`AdamW on ${device}, distance to float64 as a multiple of PyTorch float32's own:`, worst);
});
