/**
 * The data of all stages. A sample is a function of its stage, seed and index alone: any thread may make any of them, in any order, and it has
 * the same bytes.
 *
 * ```ts
 * const world = await openWorld();
 * const sample = sampleAt(world, { stage: 2, seed: 1, side: 112 }, 0); // pictures and texts
 * const patches = patchesAt(world, { seed: 1, side: 112, patches: 8 }, 0); // stage 0, the vision encoder alone
 * ```
 */
import type { Picture } from '../input/picture/picture.ts';
import { itemsAt, MIXTURES, type Mixture, type Stage, TASKS, type TaskName } from './mixture.ts';
import { type Random, randomAt } from './random.ts';
import type { Draft, Sample } from './samples/sample.ts';
import { paint } from './world/paint.ts';
import type { Scene } from './world/scene.ts';
import { type PatchTruth, patchTruth, slotWords } from './world/truth.ts';
import type { World } from './world/world.ts';

export {
  MIXTURES,
  type Mixture,
  PAPER_STAGE_2,
  type Stage,
  sharesOf,
  type TaskName,
  taskOf,
  withShares,
} from './mixture.ts';
export { packSamples } from './pack.ts';
export type { Draft, Message, Part, Said, Sample } from './samples/sample.ts';
export { textOf } from './samples/sample.ts';
export { ALL_STYLES, type Style } from './world/sprites.ts';
export { PATCH_CLASSES, type PatchTruth } from './world/truth.ts';
export { openWorld, type World, type WorldOptions } from './world/world.ts';

export interface DraftOptions {
  readonly stage: Stage;
  /** A whole number. Another seed gives other samples: those that are evaluated on have one of their own. */
  readonly seed: number;
  /** Another mixture than the stage's. */
  readonly mixture?: Mixture;
  /** One task of the mixture alone. */
  readonly task?: TaskName;
}

export interface SampleOptions extends DraftOptions {
  /** Pixels a side of the pictures. */
  readonly side: number;
  /** √Q: the adapter's queries a side, for stage 0. 4 if it is left out. */
  readonly slotsPerSide?: number;
}

/** Sample `index` of a stage. */
export const sampleAt = (world: World, options: SampleOptions, index: number): Sample =>
  painted(draftAt(world, options, index), options, index);

/** The sample that was drafted by the same options and index. */
export function painted({ scenes, ...draft }: Draft, options: SampleOptions, index: number): Sample {
  const { stage, side, slotsPerSide = 4, mixture = MIXTURES[stage] } = options;
  if (mixture.sight === 'pixels') return { ...draft, pictures: scenes.map((scene) => paint(scene, side).picture) };
  // Whatever is asked for, a picture speaks no language: its words are in either.
  const language = randomAt(options.seed, 'slots', index).pick(['English', 'Chinese'] as const);
  return { ...draft, pictures: [], slots: scenes.map((scene) => slotWords(scene, slotsPerSide, language)) };
}

/** The sample with its scenes instead of pictures: with what is true of them. */
export function draftAt(world: World, options: DraftOptions, index: number): Draft {
  const { stage, seed, mixture = MIXTURES[stage] } = options;
  const random = randomAt(seed, stage, index);
  const task = options.task ?? random.share(mixture.shares);
  const language = random.chance(mixture.chinese) ? 'Chinese' : 'English';
  const items = itemsAt(mixture, index);
  return TASKS[task]({ random, world, language, perPicture: mixture.perPicture, items });
}

export interface PatchOptions {
  readonly seed: number;
  /** Pixels a side of the picture, and patches. */
  readonly side: number;
  readonly patches: number;
  /** As in a mixture; by default one to five things, grown to over 20,000 pictures. */
  readonly items?: readonly [number, number];
  readonly growth?: number;
}

/** A picture and what each of its patches shows. */
export function patchesAt(
  world: World,
  { seed, side, patches, items = [1, 5], growth = 20_000 }: PatchOptions,
  index: number,
): { readonly picture: Picture } & PatchTruth {
  const scene = anyScene(world, randomAt(seed, 'patches', index), itemsAt({ items, growth }, index));
  const { picture, covers } = paint(scene, side);
  return { picture, ...patchTruth(scene, covers, side, patches) };
}

export interface WordOptions extends Pick<PatchOptions, 'seed' | 'side' | 'patches'> {
  /** Slots a side of the picture. */
  readonly slots: number;
}

/**
 * A picture, what each of its patches shows, and the word for what stands in each of its slots, '' where nothing does: English ones, for a
 * row cannot know in which language it will be asked about.
 */
export function wordsAt(
  world: World,
  { seed, side, patches, slots }: WordOptions,
  index: number,
): { readonly picture: Picture; readonly words: readonly string[] } & PatchTruth {
  const scene = anyScene(world, randomAt(seed, 'words', index), [1, 5]);
  const { picture, covers } = paint(scene, side);
  return { picture, ...patchTruth(scene, covers, side, patches), words: slotWords(scene, slots, 'English') };
}

/** Things on a ground; one in seven is a page of text. */
const anyScene = (world: World, random: Random, items: readonly [number, number]): Scene =>
  random.chance(6 / 7) ? world.scene(random, items) : world.page(random, random.pick(['English', 'Chinese']));
