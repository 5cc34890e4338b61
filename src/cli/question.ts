import type { System } from '../generate/system.ts';
import type { Picture } from '../input/picture/picture.ts';
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
