import type { Caller } from '../../../tensor/caller.ts';
import { keep, scope } from '../../../tensor/scope.ts';
import { free } from '../../../tensor/tensor.ts';
import { stopsOf } from '../../generate/answer.ts';
import { generate } from '../../generate/generate.ts';
import { createSampler, GREEDY } from '../../generate/sample.ts';
import type { Answering } from '../../generate/system.ts';
import type { PlacedImages } from '../../model/placed-images.ts';
import { placed } from './teacher-forcing.ts';

/** A model that is broken, or shown something else, may go on without end. */
const MOST_TOKENS = 64;

/**
 * The likeliest answer to a prompt, whatever its pictures are said to hold; a seed or a temperature would change it too.
 *
 * @param features `[B·Q, C]` of the pictures
 * @returns its tokens, the one that ended it last
 */
export async function likeliestAnswer(
  { model, tokenizer, checkpoint }: Answering,
  ids: Int32Array,
  features: Float32Array,
  caller: Caller,
): Promise<Int32Array> {
  const stops = stopsOf({ tokenizer, checkpoint });
  const images = caller.launch(() => keep(scope<PlacedImages | undefined>(() => placed(model, [ids], features))));
  const tokens: number[] = [];
  try {
    const made = generate(model, [ids], images, {
      maxNewTokens: MOST_TOKENS,
      samplers: [createSampler(GREEDY, ids, stops)],
      ends: (_, id) => stops.includes(id),
      caller,
    });
    for await (const { id } of made) tokens.push(id);
  } finally {
    if (images) free(images.features);
  }
  return Int32Array.from(tokens);
}

/** The text of an answer, without the token that ended it. */
export const textOf = (system: Answering, tokens: Int32Array): string =>
  system.tokenizer.decode(tokens, { hidden: stopsOf(system) });
