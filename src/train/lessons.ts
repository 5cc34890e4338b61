/** What the steps of a phase learn from: texts, or what patches and slots show. */
import type { Tensor } from '../../tensor/tensor.ts';
import { InputError } from '../error.ts';
import type { Model } from '../model/qwen-vl.ts';
import type { TaskBatch } from './batch.ts';
import { gradientsOf, type LossAndGradients, lossAndGradients } from './gradients.ts';
import { isFactor, type Lora, scaledFactors, withWeights } from './lora.ts';
import { supervised } from './loss.ts';
import { createProbe, type ProbeBatch, probeLoss } from './probe.ts';
import { type ProbingPhase, type ReadingPhase, type Recipe, TRAINED } from './recipes.ts';
import { type WordBatch, wordLoss } from './words.ts';

/**
 * What is learned from: the batch of a step, counted from 1, for pictures of a size. The same for the same step, whenever it is asked for
 * and whatever was asked for before: so a run that stopped goes on as if it had not.
 */
export interface TrainingData {
  batch(phase: ReadingPhase, step: number, recipe: Recipe, imageSize: number): Promise<TaskBatch>;
  /** What each patch shows, for the phases with a probe; absent where nobody knows. */
  readonly patches?: {
    /** How many things there are, the ground among them. */
    readonly things: number;
    batch(step: number, recipe: Recipe, imageSize: number): Promise<ProbeBatch>;
    /** For the adapter's phase, with what each slot shows in the decoder's words. */
    words(step: number, recipe: Recipe, imageSize: number): Promise<WordBatch>;
  };
}

/** What a step learns from. */
export interface Lesson {
  learn(): Promise<LossAndGradients>;
  /** The task of each part of the loss, in order. */
  readonly tasks: readonly string[];
  readonly tokens: number;
  readonly pictures: number;
}

export interface Learner {
  /** Weights that are no part of the model. */
  readonly own: Readonly<Record<string, Tensor>>;
  lesson(step: number): Promise<Lesson>;
}

/** A phase that reads texts. */
export function reading(
  model: Model,
  data: TrainingData,
  { phase, recipe }: { readonly phase: ReadingPhase; readonly recipe: Recipe },
  lora: Lora | undefined,
): Learner {
  const { image_size } = model.config.visual;
  const trains = lora ? isFactor : TRAINED[phase];
  const adapt = (now: Model) => (lora ? withWeights(now, scaledFactors(now, lora)) : now);
  return {
    own: {},
    async lesson(step) {
      const batch = await data.batch(phase, step, recipe, image_size);
      const { sequences, images } = batch;
      return {
        learn: () => lossAndGradients(model, batch, { trains, recompute: false, adapt }),
        tasks: sequences.flatMap((sequence, i) => [...supervised([sequence]).rows].map(() => batch.tasks[i])),
        tokens: sequences.reduce((sum, { ids }) => sum + ids.length, 0),
        pictures: images,
      };
    },
  };
}

/**
 * A phase with a probe: the encoder's, or the adapter's, in which rows learn to be words besides.
 *
 * @param stored a weight of the probe where the phase stopped, by name
 * @throws InputError where nobody knows what patches show
 */
export function probing(
  model: Model,
  { patches }: TrainingData,
  { phase, recipe, seed }: { readonly phase: ProbingPhase; readonly recipe: Recipe; readonly seed: number },
  stored: (name: string) => Float32Array | undefined,
): Learner {
  if (!patches) throw new InputError(phase, 'nobody says what each patch shows', 'train it on the made scenes');
  const { image_size } = model.config.visual;
  const probe = createProbe(model, patches.things, seed, stored);
  const lesson = (
    { images }: ProbeBatch,
    tasks: readonly string[],
    loss: (hear: (parts: Tensor) => void) => Tensor,
  ): Lesson => ({
    learn: () => gradientsOf(model.device, loss, { trains: TRAINED[phase], recompute: false }),
    tasks,
    tokens: 0,
    pictures: images,
  });
  return {
    own: { 'probe.weight': probe.weight, 'probe.bias': probe.bias },
    async lesson(step) {
      if (phase === 'encoder') {
        const batch = await patches.batch(step, recipe, image_size);
        const tasks = Array<string>(batch.things.length).fill('what each patch shows');
        return lesson(batch, tasks, (hear) => probeLoss(model, probe, batch, hear));
      }
      const batch = await patches.words(step, recipe, image_size);
      const tasks = Array.from(batch.words, (word) => (word === batch.nothing ? 'empty slots' : 'words in slots'));
      return lesson(batch, tasks, (hear) => wordLoss(model, probe, batch, hear));
    },
  };
}
