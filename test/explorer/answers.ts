import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SHIPPED } from '../../src/explorer/beside.ts';

interface GoldenAnswer {
  readonly name: string;
  readonly history: readonly (readonly [asked: string, answer: string])[];
  readonly query: string;
  readonly text: string;
  readonly prompt_ids: readonly number[];
  readonly token_ids: readonly number[];
}

const answers: readonly GoldenAnswer[] = JSON.parse(await readFile(join(SHIPPED.model, 'answers.json'), 'utf8'));

/** What the original answered to a question of the shipped model's goldens. */
export const goldenAnswer = (name: string): GoldenAnswer => answers.find((each) => each.name === name)!;
export const answerOf = (name: string): string => goldenAnswer(name).text;
