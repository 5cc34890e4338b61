import { InputError } from '../error.ts';
import type { AnswerOptions } from '../generate/answer.ts';
import type { Options } from './options.ts';

/** Options of the command that are numbers of an answer's options. What they may be is checked where they are used. */
const NUMBERS = {
  temperature: 'temperature',
  'top-k': 'topK',
  'top-p': 'topP',
  'repetition-penalty': 'repetitionPenalty',
  'min-new-tokens': 'minNewTokens',
  'max-new-tokens': 'maxNewTokens',
  seed: 'seed',
} as const;

/** How answers are to be chosen and where they end. @throws InputError for what is no number */
export function answerOptions(options: Options): AnswerOptions {
  const numbers: Record<string, number> = {};
  for (const [name, key] of Object.entries(NUMBERS)) {
    const text = options[name as keyof typeof NUMBERS];
    if (text === undefined) continue;
    if (text.trim() === '' || !Number.isFinite(Number(text))) {
      throw new InputError(`--${name}`, `"${text}", expected a number`, 'give a number');
    }
    numbers[key] = Number(text);
  }
  return { ...numbers, ...(options.stop ? { stop: options.stop } : {}) };
}
