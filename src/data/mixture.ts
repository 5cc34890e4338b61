/** What each stage is trained on: the sources' mixture, and its shares here. */
import { InputError } from '../error.ts';
import type { Task } from '../input/prompt/tasks.ts';
import { quote } from '../quote.ts';
import { DIALOGUES } from './samples/dialogues.ts';
import { interleaved } from './samples/interleaved.ts';
import { type Making, MULTI_TASK } from './samples/multi-task.ts';
import type { Draft } from './samples/sample.ts';

export type Stage = 0 | 1 | 2 | 3;

/** Every kind of sample, and what makes it. */
export const TASKS = { ...MULTI_TASK, interleaved, ...DIALOGUES } as const satisfies Record<
  string,
  (making: Making) => Draft
>;
export type TaskName = keyof typeof TASKS;

export interface Mixture {
  /** How often each task is drawn, against the others. */
  readonly shares: Readonly<Partial<Record<TaskName, number>>>;
  /** The share of Chinese. The paper has 22.7 % in stage 1; here both languages are to be equally good. */
  readonly chinese: number;
  /** The most questions about one picture. */
  readonly perPicture: number;
  /** The fewest and the most things in a scene. */
  readonly items: readonly [number, number];
  /** Over so many samples the most things grow from one: looking is learnt on single things first. 0: all at once. */
  readonly growth: number;
  /** Whether pictures are seen as pixels, or as the words of what stands in each slot. */
  readonly sight: 'pixels' | 'slots';
}

/** Samples in millions of stage 2 in the paper (table 3). Dialogues come in stage 3, 350,000 of them, of kinds that the paper does not count. */
export const PAPER_STAGE_2: Readonly<Record<Task, number>> = {
  caption: 19.7,
  'visual question answering': 3.6,
  'caption with grounding': 3.5,
  'referring grounding': 8.7,
  'grounded captioning': 8.7,
  ocr: 24.8,
  text: 7.8,
};

/** Stage 2 here: boxes and questions are learnt last, and so come oftener than in the paper; reading three words is less than reading pages. */
const STAGE_2 = {
  ...{ caption: 4, 'visual question answering': 5, 'caption with grounding': 3, 'referring grounding': 5 },
  ...{ 'grounded captioning': 3, ocr: 3, text: 1, interleaved: 1 },
} as const;

export const MIXTURES: Readonly<Record<Stage, Mixture>> = {
  0: { shares: { ...STAGE_2, text: 4 }, chinese: 0.5, perPicture: 5, items: [1, 5], growth: 10_000, sight: 'slots' },
  1: { shares: { caption: 1 }, chinese: 0.5, perPicture: 1, items: [1, 4], growth: 6_000, sight: 'pixels' },
  2: { shares: STAGE_2, chinese: 0.5, perPicture: 5, items: [1, 5], growth: 0, sight: 'pixels' },
  3: {
    // Pictures are told apart last: after 15,000 conversations about two, which of them shows something was still half a guess.
    shares: {
      ...{ dialogue: 4, 'grounding dialogue': 3, 'reading dialogue': 1.5, 'several pictures': 4, 'text dialogue': 0.5 },
      ...{ text: 0.5 },
    },
    ...{ chinese: 0.5, perPicture: 4, items: [1, 5], growth: 0, sight: 'pixels' },
  },
};

/**
 * The task of a stage's mixture that a user names.
 *
 * @param option which names it
 * @throws InputError for a task that the mixture has not
 */
export function taskOf(stage: Stage, name: string, option: string): TaskName {
  const tasks = Object.keys(MIXTURES[stage].shares) as TaskName[];
  const found = tasks.find((task) => task === name);
  if (found) return found;
  throw new InputError(option, `${quote(name)}, expected one of ${tasks.join(', ')}`, `these are stage ${stage}'s`);
}

/**
 * The mixture of a stage with other shares of some of its tasks.
 *
 * @throws InputError for a task that it has not, and where none is left
 */
export function withShares(stage: Stage, shares: Readonly<Record<string, number>>): Mixture {
  const mixture = MIXTURES[stage];
  for (const name of Object.keys(shares)) taskOf(stage, name, '--shares');
  // In the mixture's order, in which they are drawn: a run that goes on draws what it would have drawn.
  const all = { ...mixture.shares, ...shares };
  if (Object.values(all).some((share) => share > 0)) return { ...mixture, shares: all };
  throw new InputError('--shares', 'no task has one', 'leave one above 0');
}

/** The fewest and the most things of sample `index`. */
export function itemsAt(
  { items: [least, most], growth }: Pick<Mixture, 'items' | 'growth'>,
  index: number,
): [number, number] {
  const grown = index >= growth ? most : 1 + Math.floor((index / growth) * most);
  return [least, Math.max(least, Math.min(most, grown))];
}

/** What each has of all, of 1. */
export function sharesOf<Name extends string>(parts: Readonly<Partial<Record<Name, number>>>): [Name, number][] {
  const entries = Object.entries(parts) as [Name, number][];
  const total = entries.reduce((sum, [, part]) => sum + part, 0);
  return entries.map(([name, part]) => [name, part / total]);
}
