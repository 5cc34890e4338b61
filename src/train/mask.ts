import { encodeSample, type Sample } from '../input/prompt/tasks.ts';
import type { Tokenizer } from '../input/text/tokenizer.ts';
import type { Sequence } from './batch.ts';

/** What no answer is asked of: the label of a token that is not supervised. */
export const IGNORED = -100;

/** A message of the released fine-tuning format. */
export interface Message {
  readonly from: 'user' | 'assistant';
  readonly value: string;
}

/**
 * A conversation with the labels of the released fine-tuning script. Of every message `<|im_start|>`, `<|im_end|>` and the newline after it
 * are supervised, of the assistant's the content too; roles never are.
 *
 * Quirk: special tokens are recognised wherever they stand, in a user's text too, where a chat takes them for words.
 * Quirk: a first message that is not the user's is dropped, but only one.
 * Quirk: the cut may fall anywhere, into a picture too, which then has no end.
 *
 * @param longest where the sequence is cut
 */
export function conversationSequence(
  tokenizer: Tokenizer,
  messages: readonly Message[],
  { system = 'You are a helpful assistant.', longest }: { system?: string; longest: number },
): Sequence {
  const { imStart, imEnd } = tokenizer.special;
  const newline = tokenizer.encode('\n');
  const ids: number[] = [];
  const labels: number[] = [];
  const put = (tokens: readonly number[], supervised: boolean): void => {
    for (const id of tokens) {
      ids.push(id);
      labels.push(supervised ? id : IGNORED);
    }
  };
  const turn = (role: string, content: string, supervised: boolean): void => {
    put([imStart], true);
    put([...tokenizer.encode(role), ...newline], false);
    put(tokenizer.encode(content, { special: 'all' }), supervised);
    put([imEnd, ...newline], true);
  };
  turn('system', system, false);
  const said = messages[0]?.from === 'user' ? messages : messages.slice(1);
  for (const { from, value } of said) turn(from, value, from === 'assistant');
  return { ids: Int32Array.from(ids.slice(0, longest)), labels: Int32Array.from(labels.slice(0, longest)) };
}

/** A sample of multi-task training: the loss is on its target alone (the paper, section 3.2). */
export function taskSequence(tokenizer: Tokenizer, sample: Sample): Sequence {
  const { prompt, target } = encodeSample(tokenizer, sample);
  const asked = new Int32Array(prompt.ids.length).fill(IGNORED);
  return { ids: Int32Array.of(...prompt.ids, ...target), labels: Int32Array.of(...asked, ...target) };
}
