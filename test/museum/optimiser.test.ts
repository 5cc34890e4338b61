import { afterAll, beforeAll, expect, test } from 'vitest';
import { freeModel, loadModel } from '../../src/model/qwen-vl.ts';
import { treatments } from '../../src/train/groups.ts';
import { ADAM, createOptimiser } from '../../src/train/optimiser.ts';
import { learningRate } from '../../src/train/schedule.ts';
import type { OpenedGradients } from '../../src/verify/gradients/gradient-case.ts';
import { sampled } from '../../src/verify/gradients/gradient-tap.ts';
import { closeDevice, createDevice, type Driver } from '../../tensor/device.ts';
import { gpuJs } from '../../tensor/gpu-js.ts';
import { read, tensor } from '../../tensor/tensor.ts';
import { openGradients, readJson, readTensors } from '../train/goldens.ts';
import { replacing } from './fault.ts';
import { OPTIMISER_FAULTS, type OptimiserFault, type Part } from './faults-optimiser.ts';

let driver: Driver;
let opened: OpenedGradients;
let norm: number;
/** Of the first step, in float64. */
let gradients: ReadonlyMap<string, Float64Array>;
let exact: ReadonlyMap<string, Float64Array>;
beforeAll(async () => {
  driver = await gpuJs('cpu', 1);
  opened = await openGradients('grad-a');
  norm = (await readJson<{ float64: { grad_norm: number }[] }>('adamw-a')).float64[0].grad_norm;
  const stored = [...(await readTensors('grad-a.f64'))];
  const trained = stored.filter(([key]) => /^grad\..*(weight|bias|query|proj|positional_embedding)$/.test(key));
  gradients = new Map(trained.map(([key, values]) => [key.slice('grad.'.length), values]));
  exact = await readTensors('adamw-a.f64');
});
afterAll(async () => {
  await opened.close();
  await driver.close();
});

const FIRST = learningRate(1, { peak: 3e-3, minimum: 1e-5, warmup: 3, steps: 6 });

/** Whether numbers are equal but for roundings to float32 on the way. */
function isOff(found: ArrayLike<number>, expected: ArrayLike<number>): boolean {
  const l2 = (values: readonly number[]) => Math.sqrt(values.reduce((sum, x) => sum + x * x, 0));
  const error = l2(Array.from(expected, (value, i) => value - found[i]));
  return !(error <= 2 ** -23 * l2(Array.from(expected)));
}

/** Makes the first step of golden/train/adamw-a, given the original's gradients, and says what of it is off first. */
async function examine({
  operations = {},
  treatment,
  options,
}: Partial<OptimiserFault> = {}): Promise<Part | undefined> {
  const device = createDevice({ ...replacing(driver, operations), close() {} });
  try {
    const { config, load } = opened.checkpoint;
    const model = loadModel(device, config, load);
    const right = treatments(config, { decay: 0.05, layerDecay: 0.95 });
    const treated = new Map([...right].map(([name, each]) => [name, treatment?.(name, each) ?? each]));
    const optimiser = createOptimiser(model, treated, { ...ADAM, ...options });
    const given = [...gradients].filter(([name]) => Object.hasOwn(model.weights, name));
    const found = await optimiser.step(
      new Map(given.map(([name, g]) => [name, tensor(device, Float32Array.from(g), model.weights[name].shape)])),
      FIRST,
    );
    if (isOff([found], [norm])) return 'norm';
    const factor = 1 / (norm + 1e-6);
    for (const [part, of, value] of [
      ['first moments', 'm', (g: number) => 0.1 * factor * g],
      ['second moments', 'v', (g: number) => 0.02 * (factor * g) ** 2],
    ] as const) {
      for (const [name, g] of given) {
        if (isOff(await read(optimiser.moments.get(name)![of]), g.map(value))) return part;
      }
    }
    const off: string[] = [];
    for (const [name, { length }] of given) {
      const values = await read(model.weights[name]);
      const taken = sampled(name, length, 256).map((at) => values[at]);
      if (isOff(taken, exact.get(`sample.${name}`)!.subarray(0, 256))) off.push(name);
    }
    const rank = (name: string) => model.weights[name].shape.length;
    optimiser.free();
    freeModel(model);
    if (off.length === 0) return undefined;
    if (off.every((name) => name.includes('resblocks'))) return 'vision blocks';
    if (off.every((name) => rank(name) === 1)) return 'vectors';
    return off.every((name) => rank(name) > 1) ? 'matrices' : 'all weights';
  } finally {
    await closeDevice(device);
  }
}

test('the sound step is the original’s', async () => {
  expect(await examine()).toBeUndefined();
  expect(gradients.size).toBe(80);
});

test.each(OPTIMISER_FAULTS)('$name: $found', async (fault) => {
  expect(await examine(fault)).toBe(fault.found);
});
