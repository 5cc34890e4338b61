import type { Config } from '../architecture/config.ts';
import { patchGrid } from '../architecture/config.ts';
import {
  type Mixture,
  PATCH_CLASSES,
  type PatchTruth,
  packSamples,
  patchesAt,
  type Sample,
  type Stage,
  sampleAt,
  type World,
  wordsAt,
} from '../data/index.ts';
import type { Picture } from '../input/picture/picture.ts';
import { pixelsOf } from '../input/picture/resize.ts';
import type { Tokenizer } from '../input/text/tokenizer.ts';
import type { Sequence, TaskBatch } from './batch.ts';
import { hazeOver } from './haze.ts';
import type { TrainingData } from './lessons.ts';
import type { ProbeBatch } from './probe.ts';
import type { ReadingPhase } from './recipes.ts';
import { batchFor, sampleSequence } from './samples.ts';

/** Whose mixture a phase is trained on. */
export const STAGE_OF: Readonly<Record<ReadingPhase, Stage>> = {
  decoder: 0,
  'stage-1': 1,
  'stage-2': 2,
  'stage-3': 3,
};

/**
 * Made scenes as training data: step s takes the next `batch` samples of its stage, and packs them where its recipe says so.
 *
 * @param mixture another than the stage's, of a run that has one stage
 */
export function sceneData(
  world: World,
  tokenizer: Tokenizer,
  config: Config,
  seed: number,
  mixture?: Mixture,
): TrainingData {
  const slotsPerSide = Math.sqrt(config.visual.n_queries);
  const indices = (step: number, batch: number) => Array.from({ length: batch }, (_, i) => (step - 1) * batch + i);
  return {
    async batch(phase, step, { batch, pack }, side): Promise<TaskBatch> {
      const stage = STAGE_OF[phase];
      const drawn = { stage, seed, side, slotsPerSide, ...(mixture ? { mixture } : {}) };
      const each = indices(step, batch).map((i) => sampleAt(world, drawn, i));
      const tokens = (sample: Sample) => sampleSequence(tokenizer, sample).ids.length;
      const samples = pack === undefined ? each : packSamples(each, pack, tokens);
      const tasks = samples.map(({ task }) => task);
      const visual = { ...config.visual, image_size: side };
      if (stage > 0) return { ...batchFor(tokenizer, { ...config, visual }, samples), tasks };
      const sequences = samples.map((sample) => wordSequence(tokenizer, sample));
      const pictures = each.reduce((sum, { slots = [] }) => sum + slots.length, 0);
      const haze = hazeOver(`${seed} haze ${step}`, pictures, config);
      return { sequences, pixels: new Float32Array(), images: 0, rows: 'tokens', haze, tasks };
    },
    patches: {
      things: PATCH_CLASSES.length,
      async batch(step, { batch }, side) {
        const patches = patchGrid({ ...config.visual, image_size: side });
        return probeBatch(
          indices(step, batch).map((i) => patchesAt(world, { seed, side, patches }, i)),
          side,
        );
      },
      async words(step, { batch }, side) {
        const patches = patchGrid({ ...config.visual, image_size: side });
        const shown = indices(step, batch).map((i) => wordsAt(world, { seed, side, patches, slots: slotsPerSide }, i));
        return {
          ...probeBatch(shown, side),
          words: Int32Array.from(shown.flatMap(({ words }) => slotTokens(tokenizer, words))),
          nothing: tokenizer.special.imagePad,
        };
      },
    },
  };
}

/** Pictures with what their patches show, side by side. */
function probeBatch(shown: readonly ({ readonly picture: Picture } & PatchTruth)[], side: number): ProbeBatch {
  const patches = shown[0].classes.length;
  const things = new Int32Array(shown.length * patches);
  const boxes = new Float32Array(4 * things.length);
  for (const [i, { classes, boxes: own }] of shown.entries()) {
    things.set(classes, i * patches);
    boxes.set(own, 4 * i * patches);
  }
  const pictures = shown.map(({ picture }) => picture);
  return { pixels: pixelsOf(pictures, side), images: pictures.length, things, boxes };
}

/** Of each word the token that stands in its slot. */
const slotTokens = (tokenizer: Tokenizer, words: readonly string[]): number[] =>
  words.map((word) => tokenizer.encode(word)[0] ?? tokenizer.special.imagePad);

/**
 * A sample whose pictures are words: between `<img>` and `</img>` stands, slot by slot, the token of what is there, and `<imgpad>` where
 * nothing is. Of a word that the vocabulary does not have as one token, the first stands for all.
 */
export function wordSequence(tokenizer: Tokenizer, sample: Pick<Sample, 'said' | 'slots'>): Sequence {
  const { imageStart } = tokenizer.special;
  const { ids, labels } = sampleSequence(tokenizer, sample);
  let at = -1;
  for (const words of sample.slots ?? []) {
    at = ids.indexOf(imageStart, at + 1);
    ids.set(slotTokens(tokenizer, words), at + 1);
  }
  return { ids, labels };
}
