import {
  atLeast,
  type Decoder,
  line,
  list,
  number,
  object,
  oneOf,
  optional,
  recordOf,
  whole,
} from '../verify/decoder.ts';
import type { Lora } from './lora.ts';
import type { Phase, Recipe } from './recipes.ts';

/** What decides a run: two runs of the same settings and data end with the same bytes. */
export interface RunSettings {
  readonly seed: number;
  /** The phases of the stage, one after another. */
  readonly phases: readonly { readonly phase: Phase; readonly recipe: Recipe }[];
  /** How often tasks are drawn, where it is not as the stage's mixture says. */
  readonly shares?: Readonly<Record<string, number>>;
  /** The user's own data; left out for the made scenes. */
  readonly data?: string;
  /** The adapter that is trained in place of the phase's weights, and a SHA-256 of what it changes (base.ts). */
  readonly lora?: Lora & { readonly base: string };
}

const MOST = 1e7;
/** Sequences a step: all of them are made before any is learned. */
export const MOST_SEQUENCES = 4096;
const MOST_RANK = 2 ** 16;
const MOST_TARGETS = 100;
export const MOST_TASKS = 100;

const recipe: Decoder<Recipe> = object({
  ...{ peak: atLeast(0), minimum: atLeast(0), warmup: whole(0, MOST), steps: whole(1, MOST) },
  ...{
    batch: whole(1, MOST_SEQUENCES),
    image: oneOf('half', 'full'),
    layerDecay: number,
    pack: optional(whole(1, MOST)),
  },
});

/** Settings as a state file holds them. */
export const settings: Decoder<RunSettings> = object({
  seed: whole(0, Number.MAX_SAFE_INTEGER),
  phases: list(object({ phase: oneOf('encoder', 'decoder', 'adapter', 'stage-1', 'stage-2', 'stage-3'), recipe }), 3),
  shares: optional(recordOf(atLeast(0), MOST_TASKS)),
  data: optional(line(4096)),
  lora: optional(
    object({ rank: whole(1, MOST_RANK), alpha: atLeast(0), targets: list(line(200), MOST_TARGETS), base: line(64) }),
  ),
});
