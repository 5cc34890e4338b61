import type { Config } from '../architecture/config.ts';
import type { Part, Sample } from '../data/index.ts';
import { pixelsOf } from '../input/picture/resize.ts';
import type { Tokenizer } from '../input/text/tokenizer.ts';
import type { Batch, Sequence } from './batch.ts';
import { conversationSequence, IGNORED } from './mask.ts';

/** A sample as the model sees it. Its pictures come by the name of their number, which no row is long enough to refuse. */
export function sampleSequence(tokenizer: Tokenizer, { said }: Pick<Sample, 'said'>): Sequence {
  if (said.form === 'conversation') {
    return conversationSequence(tokenizer, said.messages, { longest: Number.POSITIVE_INFINITY });
  }
  return partsSequence(tokenizer, said.parts);
}

/** Texts one after the other, each with the loss on its target alone. */
function partsSequence(tokenizer: Tokenizer, parts: readonly Part[]): Sequence {
  const ids: number[] = [];
  const labels: number[] = [];
  for (const { prompt, target } of parts) {
    const asked = tokenizer.encode(prompt, { special: 'all' });
    const answered = tokenizer.encode(target, { special: 'all' });
    ids.push(...asked, ...answered);
    labels.push(...asked.map(() => IGNORED), ...answered);
  }
  return { ids: Int32Array.from(ids), labels: Int32Array.from(labels) };
}

/** What one loss is taken of, of samples whose pictures are pixels. */
export function batchFor(tokenizer: Tokenizer, { visual }: Config, samples: readonly Sample[]): Batch {
  const pictures = samples.flatMap((sample) => sample.pictures);
  const sequences = samples.map((sample) => sampleSequence(tokenizer, sample));
  return { sequences, pixels: pixelsOf(pictures, visual.image_size), images: pictures.length };
}
