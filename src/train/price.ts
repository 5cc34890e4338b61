import { sum } from '../../kernels/add.ts';
import { closeDevice, createDevice } from '../../tensor/device.ts';
import { differentiate } from '../../tensor/gradient.ts';
import { nullDriver } from '../../tensor/null.ts';
import { free } from '../../tensor/tensor.ts';
import type { Config } from '../architecture/config.ts';
import { weightShapes } from '../architecture/weight-shapes.ts';
import { loadModel } from '../model/qwen-vl.ts';
import { profileParts } from '../profile/parts.ts';
import type { Sequence } from './batch.ts';
import { batchLoss } from './loss.ts';
import { configFor, RECIPES, type Recipe, TRAINED } from './recipes.ts';

/** What a stage of the published model costs. */
export interface StagePrice {
  readonly stage: keyof typeof RECIPES.published;
  readonly recipe: Recipe;
  /** Tokens of a sequence, and pictures in it. */
  readonly tokens: number;
  readonly pictures: number;
  /** Parameters that are trained, and all. */
  readonly trained: number;
  readonly parameters: number;
  /** Of one sequence, there and back; and of all steps. */
  readonly operations: number;
  readonly allOperations: number;
  /** Weights, gradients and both moments; and what a sequence takes beside them at its peak, blocks running again on the way back. Float32. */
  readonly weightBytes: number;
  readonly sequenceBytes: number;
}

/**
 * The sequences of the paper's stages: their lengths (appendix C), and as many pictures as fill them where samples are packed, each with some 60
 * words.
 */
const SEQUENCES = {
  'stage-1': { tokens: 512, pictures: 1 },
  'stage-2': { tokens: RECIPES.published['stage-2'].pack, pictures: 6 },
  'stage-3': { tokens: 2048, pictures: 6 },
} as const;

/** Prices the stages of the paper for a model, on a device that runs shapes alone. */
export async function priceStages(config: Config): Promise<StagePrice[]> {
  const prices: StagePrice[] = [];
  for (const stage of ['stage-1', 'stage-2', 'stage-3'] as const) prices.push(await priceStage(config, stage));
  return prices;
}

async function priceStage(whole: Config, stage: StagePrice['stage']): Promise<StagePrice> {
  const recipe: Recipe = RECIPES.published[stage];
  const config = configFor(whole, recipe);
  const { tokens, pictures } = SEQUENCES[stage];
  const trains = TRAINED[stage];
  const counts = [...weightShapes(config)].map(([name, shape]) => ({ name, count: shape.reduce((a, b) => a * b, 1) }));
  const total = (of: typeof counts) => of.reduce((all, { count }) => all + count, 0);
  const parameters = total(counts);
  const trained = total(counts.filter(({ name }) => trains(name)));

  const device = createDevice(nullDriver);
  try {
    const model = loadModel(device, config, () => Promise.reject(new Error('the null device loads no data')));
    await device.queue.idle();
    const resting = device.memory.bytes;
    device.memory.peakBytes = resting;
    const profile = profileParts(device);
    profile.enter(stage);
    const size = config.visual.image_size;
    const batch = {
      sequences: [sequenceOf(config, tokens, pictures)],
      pixels: new Float32Array(pictures * 3 * size * size),
      images: pictures,
    };
    // Gradients are handed out and gone: that is what an optimiser does that steps as soon as it has one.
    free(differentiate(() => batchLoss(model, batch), { trains, take: () => undefined, sum }));
    await device.queue.idle();
    const [{ operations }] = profile.parts();
    return {
      ...{ stage, recipe, tokens, pictures, trained, parameters, operations },
      allOperations: operations * recipe.batch * recipe.steps,
      weightBytes: 4 * (parameters + 3 * trained),
      sequenceBytes: device.memory.peakBytes - resting,
    };
  } finally {
    await closeDevice(device);
  }
}

/** Pictures, then words; all but the pictures' rows is supervised. */
function sequenceOf({ visual }: Config, tokens: number, pictures: number): Sequence {
  const { image_start_id: start, n_queries: Q } = visual;
  const ids = new Int32Array(tokens);
  for (let i = 0; i < pictures; i++) {
    const at = i * (Q + 2);
    ids[at] = start;
    ids[at + Q + 1] = start + 1;
  }
  return { ids, labels: ids.map((id, t) => (t < pictures * (Q + 2) ? -100 : id)) };
}
