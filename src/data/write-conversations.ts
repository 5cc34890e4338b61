import { join } from 'node:path';
import { encodePng } from '../input/boxes/draw.ts';
import { writeWhole } from '../write-file.ts';
import type { Message, Sample } from './samples/sample.ts';

/**
 * Writes samples in the released fine-tuning format: `samples.jsonl`, and their pictures beside it in `pictures`. The file of samples comes
 * last, so that it is there only when all its pictures are.
 *
 * @param done is told after each sample how many there are
 * @returns how many
 * @throws InputError for what cannot be written
 */
export async function writeConversations(
  folder: string,
  samples: AsyncIterable<Sample>,
  { remedy, done }: { readonly remedy: string; readonly done?: (count: number) => void },
): Promise<number> {
  const lines: string[] = [];
  for await (const sample of samples) {
    const name = String(lines.length).padStart(6, '0');
    const names = sample.pictures.map((_, i) => `pictures/${name}-${i + 1}.png`);
    for (const [i, picture] of sample.pictures.entries()) {
      await writeWhole(join(folder, names[i]), encodePng(picture), { remedy });
    }
    const conversations = messagesOf(sample).map(({ from, value }) => ({ from, value: withPaths(value, names) }));
    lines.push(`${JSON.stringify({ id: `${sample.task}_${name}`, conversations })}\n`);
    done?.(lines.length);
  }
  await writeWhole(join(folder, 'samples.jsonl'), lines.join(''), { remedy });
  return lines.length;
}

/** A sample as a conversation: what is to be completed is an answer, without the mark of its end. */
const messagesOf = ({ said }: Sample): readonly Message[] =>
  said.form === 'conversation'
    ? said.messages
    : said.parts.flatMap(({ prompt, target }): Message[] => [
        { from: 'user', value: prompt },
        { from: 'assistant', value: target.replace('<|endoftext|>', '').trim() },
      ]);

const withPaths = (text: string, names: readonly string[]): string =>
  text.replace(/<img>(\d+)<\/img>/g, (_, number: string) => `<img>${names[Number(number) - 1]}</img>`);
