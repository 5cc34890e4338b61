import type { Signal } from '@preact/signals';
import type { AskArgument } from '../engine/ask.ts';
import { inAddress } from './address.ts';

type Name = keyof NonNullable<AskArgument['options']>;

interface Setting {
  readonly name: Name;
  readonly label: string;
  readonly note: string;
  /** Left empty it is as the checkpoint says. */
  readonly text: Signal<string>;
  /** Between two that the arrows of the field give. */
  readonly step: number;
}

/** How the next token is chosen: as the command line has it, and in the address under the same names. */
export const SETTINGS: readonly Setting[] = [
  {
    ...{ name: 'temperature', label: 'Temperature', step: 0.1, text: inAddress('temperature', '') },
    note: '0 takes the likeliest token; 1 draws by the probabilities as they are',
  },
  {
    ...{ name: 'topP', label: 'Top-p', step: 0.05, text: inAddress('top-p', '') },
    note: 'draws from the likeliest tokens that have so much probability together',
  },
  {
    ...{ name: 'topK', label: 'Top-k', step: 1, text: inAddress('top-k', '') },
    note: 'draws from so many of the likeliest; 0 from all',
  },
  {
    ...{ name: 'repetitionPenalty', label: 'Repetition penalty', step: 0.1, text: inAddress('repetition-penalty', '') },
    note: 'above 1 what was said is less likely to be said again',
  },
  {
    ...{ name: 'seed', label: 'Seed', step: 1, text: inAddress('seed', '1') },
    note: 'the same one draws the same answer',
  },
  {
    ...{ name: 'minNewTokens', label: 'Least tokens', step: 1, text: inAddress('min-new-tokens', '') },
    note: 'before it has so many an answer does not end',
  },
  {
    ...{ name: 'maxNewTokens', label: 'Most tokens', step: 1, text: inAddress('max-new-tokens', '') },
    note: 'an answer ends after so many',
  },
];

/** What was chosen; whether it is possible, the model says. */
export const chosenOptions = (): NonNullable<AskArgument['options']> =>
  Object.fromEntries(SETTINGS.flatMap(({ name, text }) => (text.value.trim() ? [[name, Number(text.value)]] : [])));
