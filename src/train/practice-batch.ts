import type { Config } from '../architecture/config.ts';
import { drawn } from '../checkpoint/procedural.ts';
import type { Batch, Sequence } from './batch.ts';

/**
 * A batch that means nothing, to measure a step of training with: conversations of equal length that begin with a picture, whose whole
 * text is supervised. Its numbers follow from their places.
 *
 * @param tokens of each conversation, its picture's among them
 */
export function practiceBatch(
  config: Config,
  { conversations, tokens }: { conversations: number; tokens: number },
): Batch {
  const { image_size: size, image_start_id: start, n_queries: Q } = config.visual;
  const marks = [start, ...new Array<number>(Q).fill(start + 2), start + 1];
  // Words only: the tokens of pictures stand at the end of the vocabulary.
  const word = (i: number): number => (i * 7919) % start;
  const sequences = Array.from({ length: conversations }, (_, row): Sequence => {
    const text = Int32Array.from({ length: tokens - marks.length }, (_, i) => word(row * tokens + i));
    const ids = Int32Array.of(...marks, ...text);
    return { ids, labels: ids.map((id, i) => (i < marks.length ? -100 : id)) };
  });
  const pixels = drawn('practice', conversations * 3 * size * size, (b) => b * 2 ** -6);
  return { sequences, pixels, images: conversations };
}
