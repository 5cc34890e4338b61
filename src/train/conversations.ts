import { countPictures, formatPieces } from '../input/prompt/pieces.ts';
import type { Content } from '../input/prompt/prompt.ts';
import type { Tokenizer } from '../input/text/tokenizer.ts';
import type { Sequence } from './batch.ts';
import { conversationSequence, type Message } from './mask.ts';

/** What was said, question by question, as pieces. */
export interface TrainingConversation {
  readonly turns: readonly { readonly user: Content; readonly assistant: string }[];
  readonly system?: string | undefined;
}

/**
 * A conversation as training sees it: answers are supervised, see mask.ts. Pictures are numbered through it, as in a chat.
 *
 * @throws TextError for a question that holds a special token; in an answer they are recognised, since regions are made of them
 */
export function trainingSequence(tokenizer: Tokenizer, { turns, system }: TrainingConversation): Sequence {
  const messages: Message[] = [];
  let firstPicture = 1;
  for (const { user, assistant } of turns) {
    messages.push(
      { from: 'user', value: formatPieces(user, { firstPicture }) },
      { from: 'assistant', value: assistant },
    );
    firstPicture += countPictures(user);
  }
  const longest = Number.POSITIVE_INFINITY; // what is too long is refused, not cut
  return conversationSequence(tokenizer, messages, { longest, ...(system === undefined ? {} : { system }) });
}
