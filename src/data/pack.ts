import { type Part, pictureTag, type Sample } from './samples/sample.ts';

/**
 * Packs samples of one task into sequences of at most `longest` tokens, as the paper does in stage 2 (section 3.2: interleaved data by packing
 * the same task's data into 2,048 tokens). Each goes to the first pack of its task that has room. What stands in a pack is one sequence: as in
 * the original, whose attention knows no boundary but the sequence's, a sample sees those before it. Conversations stay alone, and so does what
 * is too long by itself.
 *
 * @param tokens how many a sample has
 */
export function packSamples(samples: readonly Sample[], longest: number, tokens: (sample: Sample) => number): Sample[] {
  const packs: { task: string; samples: Sample[]; room: number }[] = [];
  for (const sample of samples) {
    const { task, said } = sample;
    const size = tokens(sample);
    const pack = said.form === 'completion' && packs.find((other) => other.task === task && other.room >= size);
    if (pack) {
      pack.samples.push(sample);
      pack.room -= size;
    } else packs.push({ task, samples: [sample], room: said.form === 'completion' ? longest - size : -1 });
  }
  return packs.map((pack) => pack.samples.reduce(joined));
}

/** Two samples as one: the second's pictures are numbered after the first's. */
function joined(first: Sample, second: Sample): Sample {
  const [earlier, later] = [first, second].map(partsOf);
  const before = (first.slots ?? first.pictures).length;
  const renumbered = (text: string) =>
    text.replace(/<img>(\d+)<\/img>/g, (_, number: string) => pictureTag(before + Number(number)));
  return {
    ...first,
    pictures: [...first.pictures, ...second.pictures],
    said: {
      form: 'completion',
      parts: [...earlier, ...later.map(({ prompt, target }) => ({ prompt: renumbered(prompt), target }))],
    },
    ...(first.slots && second.slots ? { slots: [...first.slots, ...second.slots] } : {}),
  };
}

/** Of a conversation none: it is never joined. */
const partsOf = ({ said }: Sample): readonly Part[] => (said.form === 'completion' ? said.parts : []);
