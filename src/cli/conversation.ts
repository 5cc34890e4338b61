import type { Question } from '../generate/answer.ts';
import type { Picture } from '../input/picture/picture.ts';
import type { Content } from '../input/prompt/prompt.ts';

/** What the user calls a picture, and what the model sees of it. */
export interface Shown {
  readonly path: string;
  readonly picture: Picture;
}

/** A message with the pictures that came with it, and its answer. */
export interface Exchange {
  readonly pictures: readonly Shown[];
  readonly user: string;
  readonly assistant: string;
}

export interface Conversation {
  exchanges: Exchange[];
  /** Pictures that will go with the next message. */
  next: Shown[];
  /** How many pixels a side the model sees. */
  readonly side: number;
}

export const newConversation = (side: number): Conversation => ({ exchanges: [], next: [], side });

/** The next message, after all that was said. */
export function questionOf({ exchanges, next }: Conversation, words: string): Question {
  return {
    content: contentOf(next, words),
    pictures: [...exchanges.flatMap(({ pictures }) => pictures), ...next].map(({ picture }) => picture),
    history: exchanges.map(({ pictures, user, assistant }) => ({ user: contentOf(pictures, user), assistant })),
  };
}

// The name between the image tags has no effect, the image's rows replace it; a long path would not even fit.
const contentOf = (pictures: readonly Shown[], words: string): Content => [
  ...pictures.map(() => ({ image: '' })),
  { text: words },
];

export function remember(conversation: Conversation, user: string, assistant: string): void {
  conversation.exchanges.push({ pictures: conversation.next, user, assistant });
  conversation.next = [];
}

/** The pictures of the whole conversation, in the order of their numbers. */
export const picturesOf = ({ exchanges, next }: Conversation): Shown[] => [
  ...exchanges.flatMap(({ pictures }) => pictures),
  ...next,
];
