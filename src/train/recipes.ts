import { type Config, patchGrid } from '../architecture/config.ts';
import { isVision } from '../architecture/weight-shapes.ts';
import { STAGES } from './groups.ts';
import type { Schedule } from './schedule.ts';

/** How a stage is trained, but for the data. */
export interface Recipe extends Schedule {
  /** Sequences a step. */
  readonly batch: number;
  /** Pixels a side: as the configuration says, or half as many. */
  readonly image: 'half' | 'full';
  /** Of the layer-wise learning rates of the vision encoder. */
  readonly layerDecay: number;
  /** Samples of one task share a sequence of at most so many tokens (data/pack.ts); each has its own where it is left out. */
  readonly pack?: number;
}

/** Weight decay of all stages (the paper, appendix C). */
export const WEIGHT_DECAY = 0.05;

/** What the published model was trained with (the paper, table 8). Its sides are 224 and 448 pixels. */
const PUBLISHED = {
  'stage-1': {
    ...{ peak: 2e-4, minimum: 1e-6, warmup: 500, steps: 50_000, batch: 30_720 },
    ...{ image: 'half', layerDecay: 0.95 },
  },
  'stage-2': {
    ...{ peak: 5e-5, minimum: 1e-5, warmup: 400, steps: 19_000, batch: 4096 },
    ...{ image: 'full', layerDecay: 0.95, pack: 2048 },
  },
  'stage-3': {
    ...{ peak: 1e-5, minimum: 1e-6, warmup: 3000, steps: 8000, batch: 128 },
    ...{ image: 'full', layerDecay: 1 }, // the encoder is frozen
  },
} as const satisfies Record<string, Recipe>;

/**
 * From the published model to the small one. The rates of Adam go as one over the width (Yang et al. 2022, arXiv 2203.03466, table 3): 4096 to
 * 256 in the decoder, sixteen times, and 1664 to 192 in the encoder, nine times. Stages 1 and 2 have less. In stage 1, whose pictures are half as
 * large as what the encoder was trained on, it forgets them: a new probe named 83 % of the patches that show something before it, 75 % after 300
 * steps at 5e-4 and 82 % at 1e-4, where captions had the higher CIDEr, too (1.9, not 1.1). At the rule's 8e-4 stage 2 forgot within 160 steps
 * what was aligned, with an adapter that began otherwise than today's. Below half of it the first steps do not tell which rate is the better one:
 * from the same weights after 2,125 steps, on the same held-out samples, 150 steps left the loss at 0.69 at 4e-4 and took it to 0.66 at 1.2e-4.
 * But the run that then went on at 2e-4 and below told 42 % of the boxes right after 3,575 steps and 42 % after 5,525: that of a single thing
 * always, of two it took one as often as the other. One of 9,000 steps from 4e-4 on came from 42 to 67 % between 4,060 and 5,394. Which of
 * several is meant is learned late: the sum of all rates was 1.4 when it began there, and 1.1 at the other's end. The rate ends at a twentieth of
 * its peak, where the paper's ends at a fifth: in two shorter runs the loss fell most where the rate was lowest. Stage 3 has more: its format is
 * one that the small model has never seen, and 450 steps at 1.2e-4 did not teach it; 1,000 at 4e-4 did, whether for the rate or for the steps.
 * Warm-up keeps its share of the steps in stages 1 and 2; in stage 3 it has a tenth: the paper's three eighths would be a third of an hour, and a
 * run that was warm after 260 steps had learned the format by then. Steps and batch are what two cores do in hours. Nothing is packed: rows of a
 * batch stand one below the other without padding, so a pack would save nothing, and its samples would see each other.
 *
 * The first three are stage 0, which the paper does not have: the original started from a trained encoder (OpenCLIP's) and a trained decoder
 * (Qwen-7B). That the adapter's rows are words before they are read is for a small batch: of 32 captions a step the decoder's gradient told
 * an adapter that began as the original's nothing in 450 steps. Pictures come by sixteen: of patches that show something 4 % were named right
 * after 250 steps of 64, 11 to 16 % after 1,000 of 16; 2,000 of 8 gave the same, and half or twice the rate no more.
 */
const SMALL = {
  encoder: {
    ...{ peak: 1e-3, minimum: 1e-5, warmup: 400, steps: 12_000, batch: 16 },
    ...{ image: 'full', layerDecay: 1 },
  },
  decoder: {
    ...{ peak: 1e-3, minimum: 1e-4, warmup: 100, steps: 2400, batch: 32 },
    ...{ image: 'full', layerDecay: 1 },
  },
  adapter: {
    ...{ peak: 1e-3, minimum: 1e-5, warmup: 240, steps: 12_000, batch: 16 },
    ...{ image: 'full', layerDecay: 1 },
  },
  'stage-1': {
    ...{ peak: 1e-4, minimum: 5e-7, warmup: 3, steps: 300, batch: 32 },
    ...{ image: 'half', layerDecay: 0.95 },
  },
  'stage-2': {
    ...{ peak: 4e-4, minimum: 2e-5, warmup: 168, steps: 8000, batch: 32 },
    ...{ image: 'full', layerDecay: 0.95 },
  },
  'stage-3': {
    ...{ peak: 4e-4, minimum: 2e-5, warmup: 300, steps: 3000, batch: 32 },
    ...{ image: 'full', layerDecay: 1 },
  },
} as const satisfies Record<string, Recipe>;

export const RECIPES = { published: PUBLISHED, small: SMALL };

export type Phase = keyof typeof SMALL;
/** Those with a probe (probe.ts), which is thrown away afterwards. */
export type ProbingPhase = 'encoder' | 'adapter';
/** Those that read texts. */
export type ReadingPhase = Exclude<Phase, ProbingPhase>;

export const probes = (phase: Phase): phase is ProbingPhase => phase === 'encoder' || phase === 'adapter';

/** The phases of each stage that a user can ask for, in their order. */
export const PHASES: Readonly<Record<string, readonly Phase[]>> = {
  '0': ['encoder', 'decoder', 'adapter'],
  '1': ['stage-1'],
  '2': ['stage-2'],
  '3': ['stage-3'],
};

/** Which weights a phase changes, of a probe too. */
export const TRAINED: Readonly<Record<Phase, (weight: string) => boolean>> = {
  encoder: (name) => name.startsWith('probe.') || (isVision(name) && !AFTER_ENCODER.test(name)),
  decoder: (name) => !isVision(name),
  adapter: (name) => name.startsWith('probe.') || isVision(name),
  'stage-1': STAGES['stage-1'],
  'stage-2': STAGES['stage-2'],
  'stage-3': STAGES['stage-3'],
};

/** The adapter with what follows it. */
const AFTER_ENCODER = /^transformer\.visual\.(attn_pool|ln_post|proj)\b/;

/**
 * A recipe for another number of steps: warm-up keeps its share.
 *
 * @param steps in all
 */
export const withSteps = (recipe: Recipe, steps: number): Recipe => ({
  ...recipe,
  steps,
  warmup: Math.min(steps, Math.max(1, Math.round((recipe.warmup * steps) / recipe.steps))),
});

/** A recipe whose peak is another: the minimum keeps its share. */
export const withPeak = (recipe: Recipe, peak: number): Recipe => ({
  ...recipe,
  peak,
  minimum: (recipe.minimum * peak) / recipe.peak,
});

/** The configuration that a phase trains: half as many patches a side where the recipe says so, and at least one. */
export function configFor(config: Config, { image }: Pick<Recipe, 'image'>): Config {
  if (image === 'full') return config;
  const side = Math.max(1, Math.floor(patchGrid(config.visual) / 2));
  return { ...config, visual: { ...config.visual, image_size: side * config.visual.patch_size } };
}
