/**
 * Makes the small model's vocabulary, qwen.tiktoken beside this file, from samples of all stages: `npx tsx src/data/vocabulary/make.ts`
 *
 * The file is of texts in which snowmen were "snowmans"; what is made now has other ranks, for models that are trained with it from the start.
 */
import { writeFile } from 'node:fs/promises';
import { specialTokens } from '../../input/text/special-tokens.ts';
import { formatVocabulary } from '../../input/text/vocabulary.ts';
import { draftAt, openWorld, textOf } from '../index.ts';
import { trainVocabulary } from './train.ts';

/** With the 217 special tokens 1,536 ids: the fewest hundreds with which every thing's name is one token, in both languages. */
const RANKS = 1319;
const SAMPLES = 4000;
/** No sample of a training run. */
const SEED = 1000;
/** Where scenes have grown to all things. */
const FIRST = 1_000_000;

const world = await openWorld();
const stages = [0, 1, 2, 3] as const;
const samples = stages.flatMap((stage) =>
  Array.from({ length: SAMPLES }, (_, i) => textOf(draftAt(world, { stage, seed: SEED }, FIRST + i))),
);
const markup = Array.from({ length: SAMPLES }, () => ['system', 'user', 'assistant', 'You are a helpful assistant.']);
const vocabulary = trainVocabulary([...samples, ...markup.flat()], RANKS);
await writeFile(new URL('qwen.tiktoken', import.meta.url), formatVocabulary(vocabulary));
const { imageStart, names } = specialTokens(vocabulary.tokens.length);
console.log(`${vocabulary.tokens.length} ranks; vocab_size ${RANKS + names.length}, image_start_id ${imageStart}`);
