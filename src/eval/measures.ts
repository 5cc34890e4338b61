import type { Box } from '../input/boxes/grounding.ts';
import { parseGrounding } from '../input/boxes/grounding.ts';
import { boxPrecision } from './box-precision.ts';
import { cider } from './cider.ts';
import { bootstrap, type Interval, wilson } from './intervals.ts';
import { sameThings } from './same-things.ts';
import { anls, exactMatch, relaxedAccuracy } from './text-measures.ts';
import { vqaAccuracy } from './vqa-accuracy.ts';

/** An answer and what it should be. */
export interface Answered {
  readonly answer: string;
  readonly references: readonly string[];
}

interface Measure {
  /** For people. */
  readonly title: string;
  /** A score for each answer; of some measures it depends on all the others. */
  readonly scores: (answered: readonly Answered[]) => number[];
  /** Whether a score is 0 or 1. */
  readonly binary: boolean;
}

const each =
  (score: (answer: string, references: readonly string[]) => number): Measure['scores'] =>
  (answered) =>
    answered.map(({ answer, references }) => score(answer, references));

/** The boxes of a text. */
const boxesIn = (text: string): Box[] =>
  parseGrounding(text).regions.flatMap(({ shapes }) => shapes.flatMap((shape) => (shape.length === 2 ? [shape] : [])));

/** What the regions of a text are called, line by line: what was read, wherever it was seen. */
const namesIn = (text: string): string =>
  parseGrounding(text)
    .regions.flatMap(({ ref }) => ref ?? [])
    .join(' ');

/** What answers are judged by, each in its own file with its definition and its quirks. */
export const MEASURES = {
  exact: { title: 'exact match', scores: each(exactMatch), binary: true },
  vqa: { title: 'VQA accuracy', scores: each(vqaAccuracy), binary: false },
  anls: { title: 'ANLS', scores: each(anls), binary: false },
  names: {
    title: 'ANLS of what is read',
    scores: each((answer, references) => anls(namesIn(answer), references.map(namesIn))),
    binary: false,
  },
  relaxed: { title: 'relaxed accuracy', scores: each(relaxedAccuracy), binary: true },
  cider: { title: 'CIDEr', scores: cider, binary: false },
  iou: {
    title: 'IoU ≥ 0.5',
    scores: each((answer, references) => boxPrecision(answer, references.flatMap(boxesIn))),
    binary: true,
  },
  things: { title: 'same things', scores: each(sameThings), binary: true },
} as const satisfies Record<string, Measure>;

export type MeasureName = keyof typeof MEASURES;

/** The mean of scores, and between which values it lies with 95 % confidence. */
export function summarise(measure: MeasureName, scores: readonly number[]): { mean: number; interval: Interval } {
  const sum = scores.reduce((a, b) => a + b, 0);
  const interval = MEASURES[measure].binary ? wilson(sum, scores.length) : bootstrap(scores);
  return { mean: sum / scores.length, interval };
}
