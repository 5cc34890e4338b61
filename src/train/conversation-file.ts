import { type ConversationLine, readConversationLines, withLine } from '../data/conversation-lines.ts';
import { InputError } from '../error.ts';
import type { Picture } from '../input/picture/picture.ts';
import { openPictures } from '../input/picture/picture-source.ts';
import { pixelsOf } from '../input/picture/resize.ts';
import type { Tokenizer } from '../input/text/tokenizer.ts';
import type { TrainingData } from './lessons.ts';
import { conversationSequence } from './mask.ts';
import { uniforms } from './noise.ts';

/** Bytes of pictures that are kept, resized, for the next time: to decode a photo takes as long as to learn from it. */
const MOST_KEPT = 2 ** 28;

/**
 * A user's conversations as training data: see conversation-lines.ts for the format. All of the file is checked before anything is learned.
 *
 * @param longest the tokens that a conversation may have
 * @throws InputError that names the line
 */
export async function conversationFile(
  path: string,
  tokenizer: Tokenizer,
  longest: number,
  seed: number,
): Promise<{ readonly data: TrainingData; readonly size: number }> {
  const lines = await readConversationLines(path);
  const sequence = ({ messages }: ConversationLine) =>
    conversationSequence(tokenizer, messages, { longest: Number.POSITIVE_INFINITY });
  for (const line of lines) {
    const { length } = await withLine(line, () => sequence(line).ids);
    if (length > longest) throw new InputError(line.where, `${length} tokens, expected at most ${longest}`, 'split it');
  }
  const kept = new Map<string, readonly Picture[]>();
  let room = MOST_KEPT;
  /** The pictures of a line as the model sees them. */
  async function picturesOf(line: ConversationLine, imageSize: number): Promise<readonly Picture[]> {
    const key = `${imageSize} ${line.where}`;
    const known = kept.get(key);
    if (known) return known;
    const sources = line.pictures.map((path) => ({ path }));
    const opened = await withLine(line, () => openPictures(sources, imageSize));
    room -= opened.reduce((sum, { data }) => sum + data.length, 0);
    if (room >= 0) kept.set(key, opened);
    return opened;
  }
  const data: TrainingData = {
    async batch(_, step, { batch }, imageSize) {
      const chosen = drawn(lines.length, batch, step, seed).map((i) => lines[i]);
      const pictures: Picture[] = [];
      for (const line of chosen) pictures.push(...(await picturesOf(line, imageSize)));
      return {
        sequences: chosen.map(sequence),
        pixels: pixelsOf(pictures, imageSize),
        images: pictures.length,
        tasks: chosen.map(() => 'conversation'),
      };
    },
  };
  return { data, size: lines.length };
}

/** Which of some items a step takes: all of them before one comes again, every time in another order. */
export function drawn(size: number, batch: number, step: number, seed: number): number[] {
  let known = { round: -1, order: [] as number[] };
  return Array.from({ length: batch }, (_, i) => {
    const at = (step - 1) * batch + i;
    const round = Math.floor(at / size);
    if (known.round !== round) {
      const rank = uniforms(`${seed} round ${round}`, size);
      known = { round, order: [...rank.keys()].sort((a, b) => rank[a] - rank[b] || a - b) };
    }
    return known.order[at % size];
  });
}
