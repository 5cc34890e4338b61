import type { System } from '../generate/system.ts';
import type { Picture } from '../input/picture/picture.ts';
import { pixels } from '../input/picture/resize.ts';
import { chatPrompt, rawPrompt } from '../input/prompt/prompt.ts';

/**
 * A question about pictures as a model is fed with it.
 *
 * @returns the tokens, and the pictures in the order in which they are shown
 * @throws TextError when it is too long
 */
export function promptFor(
  { checkpoint, tokenizer }: System,
  question: string,
  pictures: readonly Picture[],
): { ids: Int32Array; shown: Picture[] } {
  const content = [...pictures.map(() => ({ image: '' })), { text: question }];
  const limits = { maximumLength: checkpoint.config.max_position_embeddings };
  const { ids, images } =
    checkpoint.generation.chat_format === 'raw'
      ? rawPrompt(tokenizer, content, limits)
      : chatPrompt(tokenizer, { query: content }, limits);
  return { ids, shown: images.map(({ picture }) => pictures[picture - 1]) };
}

/** Resized and normalised, one below the other: `[B·3·S, S]`. */
export function pixelsOf(pictures: readonly Picture[], size: number): Float32Array {
  const all = new Float32Array(pictures.length * 3 * size * size);
  for (const [i, picture] of pictures.entries()) all.set(pixels(picture, size), i * 3 * size * size);
  return all;
}
