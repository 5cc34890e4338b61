import { readFile } from 'node:fs/promises';
import { SHIPPED_MODEL } from '../src/shipped.ts';

/** A conversation that the original had about pictures: see golden/README.md. */
export interface GoldenAnswer {
  readonly name: string;
  readonly pictures: readonly string[];
  readonly history: readonly (readonly [asked: string, answer: string])[];
  readonly query: string;
  readonly text: string;
  readonly prompt_ids: readonly number[];
  readonly token_ids: readonly number[];
}

/** What the original answered with the model of a folder. */
export const answersOf = async (folder: string): Promise<readonly GoldenAnswer[]> =>
  JSON.parse(await readFile(`${folder}/answers.json`, 'utf8'));

const answers = await answersOf(SHIPPED_MODEL);

/** What it answered to a question of the shipped model's goldens. */
export const goldenAnswer = (name: string): GoldenAnswer => answers.find((each) => each.name === name)!;
export const answerOf = (name: string): string => goldenAnswer(name).text;
