import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { InputError } from '../../src/error.ts';
import { encodePatches, type Model } from '../../src/model/qwen-vl.ts';
import { lossAndGradients } from '../../src/train/gradients.ts';
import type { TrainingData } from '../../src/train/lessons.ts';
import { factorShapes, scaledFactors, withWeights } from '../../src/train/lora.ts';
import { configFor, PHASES, TRAINED } from '../../src/train/recipes.ts';
import { type RunOptions, train } from '../../src/train/run.ts';
import type { RunSettings } from '../../src/train/settings.ts';
import { loadState, saveState, type TrainingState } from '../../src/train/state.ts';
import { requireFittingState } from '../../src/train/state-fit.ts';
import { scope } from '../../tensor/scope.ts';
import { free, freeAll, read, type Tensor, tensor } from '../../tensor/tensor.ts';
import { closeTinyDevices, tinyConfig, tinyData, tinySettings, withTinyModel } from './tiny-run.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qvl-'));
});
afterAll(() => rm(folder, { recursive: true }));
afterAll(closeTinyDevices);

const LORA = { rank: 3, alpha: 6, targets: ['c_attn', 'w2', 'kv_proj'], base: 'none' };

interface Run extends RunOptions {
  readonly threads?: number;
  readonly data?: TrainingData;
}

/** @returns the last state that was kept */
async function run(settings: RunSettings, { threads, data, from, ...options }: Run = {}): Promise<TrainingState> {
  const path = join(folder, `state-${Math.random()}.safetensors`);
  const given = data ?? tinyData(await tinyConfig());
  const save = (state: TrainingState) => saveState(path, state);
  await withTinyModel({ threads, from, lora: settings.lora }, (model) =>
    train(model, settings, given, { from, save, ...options }),
  ).catch((error) => {
    throw Object.assign(error, { path });
  });
  return loadState(path);
}

/** Stops after some steps. */
function stopAfter(steps: number): Pick<RunOptions, 'signal' | 'onStep'> {
  const controller = new AbortController();
  let made = 0;
  return { signal: controller.signal, onStep: () => ++made === steps && controller.abort() };
}

/** All that a state says but for how long it took. */
const timeless = ({ tensors, history, ...rest }: TrainingState) => ({
  ...rest,
  tensors: [...tensors].map(([name, { data }]) => [name, Buffer.from(data.buffer).toString('base64')]),
  history: history.map(({ milliseconds, ...record }) => record),
});

describe('a run that stopped goes on to the same bytes', () => {
  // In the middle of a phase; where one ends and the next begins, and within that.
  test.each([
    { phases: ['stage-2'], steps: 4, stops: [2] },
    { phases: PHASES['0'], steps: 2, stops: [2, 3, 5] },
    { phases: ['stage-3'], steps: 4, stops: [2], lora: LORA },
  ] as const)('$phases', async ({ phases, steps, stops, ...more }) => {
    const settings = { ...tinySettings(steps, ...phases), ...more };
    const whole = await run(settings);
    expect(whole.history).toHaveLength(steps * phases.length);
    for (const stop of stops) {
      const half = await run(settings, { threads: 1, ...stopAfter(stop) });
      expect(half.history).toHaveLength(stop);
      requireFittingState(half, await tinyConfig(), 'half', 3);
      expect(timeless(await run(settings, { from: half }))).toEqual(timeless(whole));
    }
  });
});

test.each([
  'encoder',
  'decoder',
  'adapter',
  'stage-1',
  'stage-3',
] as const)('%s changes what it trains and nothing else', async (phase) => {
  const state = await run(tinySettings(1, phase));
  const before = await withTinyModel({}, async ({ weights }) => {
    return new Map(
      await Promise.all(Object.entries(weights).map(async ([name, each]) => [name, await read(each)] as const)),
    );
  });
  for (const [name, values] of before) {
    const after = state.tensors.get(`weight.${name}`)!.data;
    const same = after.every((value, i) => value === values[i]);
    expect(same, name).toBe(!TRAINED[phase](name));
    expect(state.tensors.has(`m.${name}`), name).toBe(TRAINED[phase](name));
  }
});

test('an adapter changes its factors and nothing else, and only they are kept', async () => {
  const shapes = factorShapes(await tinyConfig(), LORA);
  await withTinyModel({ lora: LORA }, async (model) => {
    const weights = async (): Promise<Map<string, string>> => {
      const reading = Object.entries(model.weights).map(
        async ([name, each]) => [name, String(await read(each))] as const,
      );
      return new Map(await Promise.all(reading));
    };
    const before = await weights();
    let kept: string[] = [];
    const save = async ({ tensors }: TrainingState) => {
      kept = [...tensors.keys()];
    };
    const data = tinyData(model.config);
    const settings = { ...tinySettings(2, 'stage-3'), lora: LORA };
    const batch = await data.batch('stage-3', 9, settings.phases[0].recipe, 56);
    const lossOf = async (asked: Model, adapt?: (model: Model) => Model): Promise<number> => {
      const { loss, gradients } = await lossAndGradients(asked, batch, {
        trains: () => false,
        ...(adapt && { adapt }),
      });
      expect(gradients.size).toBe(0);
      return loss;
    };
    let evaluated: number | undefined;
    const evaluate = async (asked: Model) => {
      evaluated = await lossOf(asked);
      return {};
    };
    const untrained = await lossOf(model);
    // A has no gradient while B is zero.
    await train(model, settings, data, { save, evaluate });
    expect(evaluated).toBe(await lossOf(model, (given) => withWeights(given, scaledFactors(given, LORA))));
    expect(evaluated).not.toBe(untrained);
    const after = await weights();
    const changed = [...before.keys()].filter((name) => after.get(name) !== before.get(name));
    expect(changed).toEqual([...shapes.keys()]);
    expect(kept).toEqual([
      ...changed.map((name) => `weight.${name}`),
      ...changed.flatMap((name) => [`m.${name}`, `v.${name}`]),
    ]);
  });
});

test('the loss of each task is the mean of its tokens, and all of them make the loss', async () => {
  const [{ loss, tasks, tokens, pictures }] = (await run(tinySettings(1, 'stage-2'))).history;
  // Six words of the caption, of the text five: the first is never asked for.
  expect((6 * tasks.caption + 5 * tasks.text) / 11).toBeCloseTo(loss, 5);
  expect([tokens, pictures]).toEqual([18, 1]);
});

test('a model is asked as it is after a step, at the size that it is trained at', async () => {
  const see = async (model: Model): Promise<number[]> => {
    const size = model.config.visual.image_size;
    const seen = scope<Tensor>(() =>
      encodePatches(model, tensor(model.device, new Float32Array(3 * size * size).fill(0.5), [3 * size, size])),
    );
    const values = await read(seen);
    free(seen);
    return [values.length, ...values.subarray(0, 8)];
  };
  const asked: number[][] = [];
  const evaluate = async (model: Model) => {
    asked.push(await see(model));
    return { first: asked.at(-1)![1] };
  };
  const state = await run(tinySettings(2, 'stage-1'), { evaluate });
  expect(state.history.map(({ evaluation }) => evaluation)).toEqual([undefined, { first: asked[0][1] }]);
  const config = configFor(await tinyConfig(), { image: 'half' });
  const loaded = await withTinyModel({ from: state, config }, see);
  expect(asked).toEqual([loaded]);
  expect(loaded[0]).toBe(4 * config.visual.width);
});

test('a decoder without eyes reads the tokens that stand for a picture', async () => {
  const config = await tinyConfig();
  const batch = await tinyData(config).batch('decoder', 1, tinySettings(1, 'decoder').phases[0].recipe, 56);
  const [first, ...rest] = batch.sequences;
  const ids = first.ids.with(2, first.ids[2] + 1);
  await withTinyModel({}, async (model, device) => {
    const losses = [];
    for (const sequences of [batch.sequences, [{ ...first, ids }, ...rest]]) {
      const { loss, gradients } = await lossAndGradients(model, { ...batch, sequences });
      losses.push(loss);
      expect([...gradients.keys()].filter((name) => name.startsWith('transformer.visual.'))).toEqual([]);
      freeAll(device, [...gradients.values()]);
    }
    expect(losses[1]).not.toBe(losses[0]);
    await expect(lossAndGradients(model, { ...batch, rows: 'pictures' })).rejects.toThrow('0 pictures for 1 places');
  });
});

describe('what goes wrong in a step', () => {
  const failing = async (at: number): Promise<TrainingData> => {
    const data = tinyData(await tinyConfig());
    return {
      ...data,
      async batch(phase, step, recipe, size) {
        if (step === at) throw new InputError('d.jsonl, line 7', 'no picture', 'put it there');
        return data.batch(phase, step, recipe, size);
      },
    };
  };

  test('is named with its step, and what was learned before it is there', async () => {
    const error = await run(tinySettings(4, 'stage-2'), { data: await failing(3) }).catch((error) => error);
    expect(error.message).toMatch(/^stage-2, step 3: d\.jsonl, line 7: no picture; put it there; /);
    const { step, history } = await loadState(error.path);
    expect([step, history.length]).toEqual([2, 2]);
  });

  test('a loss that is no number is such a fault', async () => {
    const data = tinyData(await tinyConfig());
    const broken: TrainingData = {
      ...data,
      async batch(...given) {
        const batch = await data.batch(...given);
        return given[1] === 2 ? { ...batch, pixels: batch.pixels.fill(Number.NaN) } : batch;
      },
    };
    const error = await run(tinySettings(3, 'stage-2'), { data: broken }).catch((error) => error);
    expect(error.message).toMatch(/^stage-2, step 2: the loss is NaN/);
    const { step, tensors } = await loadState(error.path);
    expect(step).toBe(1);
    expect([...tensors.values()].every(({ data }) => data.every(Number.isFinite))).toBe(true);
  });

  test('a state that cannot be written leaves the one before, whole', async () => {
    const settings = tinySettings(2, 'stage-2');
    const good = await run(settings);
    const path = join(folder, 'full.safetensors');
    await saveState(path, good);
    // A history that cannot be written down fails in the middle, as a full disk does.
    const tensors = new Map([...good.tensors, ['late', { shape: [2], data: Float32Array.of(1) }]]);
    await expect(saveState(path, { ...good, tensors })).rejects.toThrow();
    expect(timeless(await loadState(path))).toEqual(timeless(good));
    expect((await readdir(folder)).filter((name) => name.endsWith('.tmp'))).toEqual([]);
  });
});
