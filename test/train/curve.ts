import { readFile } from 'node:fs/promises';
import { type Config, parseConfig } from '../../src/architecture/config.ts';
import { weightShapes } from '../../src/architecture/weight-shapes.ts';
import { sineCosinePositions } from '../../src/checkpoint/positions.ts';
import { drawn, proceduralScale } from '../../src/checkpoint/procedural.ts';
import { freeModel, loadModel } from '../../src/model/qwen-vl.ts';
import type { Batch } from '../../src/train/batch.ts';
import { lossAndGradients } from '../../src/train/gradients.ts';
import { treatments } from '../../src/train/groups.ts';
import { createOptimiser } from '../../src/train/optimiser.ts';
import { learningRate } from '../../src/train/schedule.ts';
import type { Device } from '../../tensor/device.ts';
import { readJson, readTensors } from './goldens.ts';

/** golden/train/curve.json: what the original loses, step by step, from the procedural start on. */
export interface Curve {
  readonly float64: { readonly loss: readonly number[]; readonly grad_norm: readonly number[] };
  readonly start: Readonly<Record<string, { readonly l2: number; readonly first: readonly number[] }>>;
  readonly scatter: { readonly table: readonly Scatter[] };
}

/** How far runs of PyTorch in float32 lie from float64 up to a step. */
export interface Scatter {
  readonly steps: string;
  readonly loss_float32_to_float64_max: number;
  readonly loss_relative_max: number;
  readonly grad_norm_relative_max: number;
}

export const readCurve = (): Promise<Curve> => readJson<Curve>('curve');

export const readConfig = async (): Promise<Config> =>
  parseConfig(JSON.parse(await readFile('golden/tiny/config.json', 'utf8')), 'golden/tiny/config.json');

/**
 * The row of the band that a step belongs to, counted from 1. The first 20 steps have one: a loss there is a float32 of 4.8e-7 steps, and
 * four runs of PyTorch lie at most two of those from float64.
 */
export const bandOf = ({ scatter }: Curve, step: number): Scatter =>
  scatter.table.find(({ steps }) => Math.max(20, step) <= Number(steps.split('-').at(-1)))!;

/** The weights of the start: as golden/full-size draws them, but smaller where they end a branch of the decoder, or make scores. */
export function startWeight(config: Config, name: string): Float32Array {
  const shape = weightShapes(config).get(name)!;
  if (name.endsWith('pos_embed')) return sineCosinePositions(Math.sqrt(shape[0]), shape[1]);
  const value = proceduralScale(name, shape);
  const smaller = name === 'lm_head.weight' ? 4 : /^transformer\.h\..*c_proj\.weight$/.test(name) ? 2 : 1;
  return drawn(
    name,
    shape.reduce((a, b) => a * b, 1),
    (b) => value(b) / smaller,
  );
}

/** Of CLIP, by which pictures are normalised: see src/input/picture. */
const MEAN = [0.48145466, 0.4578275, 0.40821073];
const STD = [0.26862954, 0.26130258, 0.27577711];
const PADDING = 551;
const ROWS = 4;

export async function readBatches({ visual }: Config): Promise<Batch[]> {
  const tensors = await readTensors('curve-batches');
  const size = visual.image_size;
  return Array.from({ length: 8 }, (_, k) => {
    const [ids, labels, rgb] = ['ids', 'labels', 'pixels'].map((key) => tensors.get(`batch.${k}.${key}`)!);
    const width = ids.length / ROWS;
    const sequences = Array.from({ length: ROWS }, (_, row) => {
      const own = ids.subarray(row * width, (row + 1) * width);
      const length = own.findLastIndex((id) => id !== PADDING) + 1;
      const from = (values: Float64Array) => Int32Array.from(values.subarray(row * width, row * width + length));
      return { ids: from(ids), labels: from(labels) };
    });
    const pixels = Float32Array.from({ length: rgb.length }, (_, at) => {
      const [image, rest] = [Math.floor(at / (3 * size * size)), at % (3 * size * size)];
      const [channel, place] = [Math.floor(rest / (size * size)), rest % (size * size)];
      const value = Math.fround(rgb[(image * size * size + place) * 3 + channel] / 255);
      return Math.fround(Math.fround(value - Math.fround(MEAN[channel])) / Math.fround(STD[channel]));
    });
    return { sequences, pixels, images: ROWS };
  });
}

/** Trains from the start on. @param onStep told of each step, counted from 1, of loss and norm before it */
export async function runCurve(
  device: Device,
  steps: number,
  onStep: (step: number, loss: number, norm: number) => void,
): Promise<void> {
  const config = await readConfig();
  const batches = await readBatches(config);
  const model = loadModel(device, config, async (name) => startWeight(config, name));
  const optimiser = createOptimiser(model, treatments(config, { decay: 0.05, layerDecay: 0.95 }));
  try {
    for (let step = 1; step <= steps; step++) {
      const { loss, gradients } = await lossAndGradients(model, batches[(step - 1) % batches.length]);
      const rate = learningRate(step, { peak: 5e-4, minimum: 1e-5, warmup: 10, steps: 200 });
      onStep(step, loss, await optimiser.step(gradients, rate));
    }
  } finally {
    optimiser.free();
    freeModel(model);
    await device.queue.idle();
  }
}
