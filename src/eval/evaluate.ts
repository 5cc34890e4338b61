import { answers } from '../generate/answer.ts';
import type { Answering } from '../generate/system.ts';
import type { Picture } from '../input/picture/picture.ts';
import type { Content } from '../input/prompt/prompt.ts';
import type { Answered, MeasureName } from './measures.ts';

/** A question with its answers, and how they are judged. */
export interface EvaluationItem {
  readonly task: string;
  readonly language: string;
  /** The first is that by which the worst answers are found. */
  readonly measures: readonly MeasureName[];
  /** A text to be completed, or a message of a chat. */
  readonly format: 'raw' | 'chatml';
  readonly content: Content;
  /** For people. */
  readonly question: string;
  readonly pictures: readonly Picture[];
  readonly references: readonly string[];
  /** How many things stand in the picture, or lines on a page of text; undefined where nobody has told, and of several pictures. */
  readonly things?: number;
}

export type Judged = EvaluationItem & Answered;

export interface EvaluateOptions {
  /** How many questions are answered side by side. */
  readonly batch?: number;
  readonly maxNewTokens?: number;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: (done: number, total: number) => void;
}

/**
 * Answers questions, always with the likeliest token, many side by side: those of one format at a time.
 *
 * @returns in the order of the items
 */
export async function evaluate(
  system: Answering,
  items: readonly EvaluationItem[],
  { batch = 64, maxNewTokens = 96, signal, onProgress }: EvaluateOptions = {},
): Promise<Judged[]> {
  const texts = items.map(() => '');
  let done = 0;
  for (const format of ['raw', 'chatml'] as const) {
    const numbers = [...items.keys()].filter((i) => items[i].format === format);
    // Alike questions beside each other: nobody waits long for the last of them.
    numbers.sort((a, b) => (items[a].task < items[b].task ? -1 : items[a].task > items[b].task ? 1 : a - b));
    for (let at = 0; at < numbers.length; at += batch) {
      const some = numbers.slice(at, at + batch);
      const questions = some.map((i) => ({ content: items[i].content, pictures: items[i].pictures }));
      const options = {
        temperature: 0,
        repetitionPenalty: 1,
        minNewTokens: 0,
        maxNewTokens,
        ...(signal ? { signal } : {}),
      };
      for await (const { question, text } of answers(asked(system, format), questions, options))
        texts[some[question]] += text;
      done += some.length;
      onProgress?.(done, items.length);
    }
  }
  return items.map((item, i) => ({ ...item, answer: texts[i].trim() }));
}

/** The same model, asked in another format than its folder says. */
const asked = (system: Answering, chat_format: EvaluationItem['format']): Answering => ({
  ...system,
  checkpoint: { ...system.checkpoint, generation: { ...system.checkpoint.generation, chat_format } },
});
