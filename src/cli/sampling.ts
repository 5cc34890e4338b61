import { InputError } from '../error.ts';
import type { AnswerOptions } from '../generate/answer.ts';
import { GREEDY, requireSampling, type Sampling } from '../generate/sample.ts';
import { type Options, wholeNumber } from './options.ts';

/** Options of the command that are numbers of an answer's options. */
const NUMBERS = {
  temperature: 'temperature',
  'top-k': 'topK',
  'top-p': 'topP',
  'repetition-penalty': 'repetitionPenalty',
  'min-new-tokens': 'minNewTokens',
  seed: 'seed',
} as const satisfies Record<string, keyof Sampling>;

const MOST_NEW_TOKENS = 2 ** 31 - 1;

/** How answers are to be chosen and where they end. @throws InputError for what is no number, or none that can be */
export function answerOptions(options: Options): AnswerOptions {
  const numbers: { -readonly [Name in keyof Sampling]?: number } = {};
  for (const [name, key] of Object.entries(NUMBERS)) {
    const text = options[name as keyof typeof NUMBERS];
    if (text === undefined) continue;
    if (text.trim() === '' || !Number.isFinite(Number(text))) {
      throw new InputError(`--${name}`, `"${text}", expected a number`, 'give a number');
    }
    numbers[key] = Number(text);
  }
  const named = new Map(Object.entries(NUMBERS).map(([name, key]) => [key, `--${name}`]));
  requireSampling({ ...GREEDY, ...numbers }, (key) => named.get(key)!);
  const maxNewTokens = wholeNumber(options, 'max-new-tokens', MOST_NEW_TOKENS);
  return { ...numbers, ...(maxNewTokens ? { maxNewTokens } : {}), ...(options.stop ? { stop: options.stop } : {}) };
}
