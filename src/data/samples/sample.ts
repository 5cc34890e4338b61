import type { Picture } from '../../input/picture/picture.ts';
import type { Scene } from '../world/scene.ts';
import type { Language } from '../world/words.ts';

/** A part of a training text, special tokens spelled out: the loss is on `target` alone. */
export interface Part {
  readonly prompt: string;
  readonly target: string;
}

/** A message of the released fine-tuning format. Regions and pictures are written in the text. */
export interface Message {
  readonly from: 'user' | 'assistant';
  readonly value: string;
}

/** What is said about the pictures: texts to be completed, as in multi-task training, or a conversation. */
export type Said =
  | { readonly form: 'completion'; readonly parts: readonly Part[] }
  | { readonly form: 'conversation'; readonly messages: readonly Message[] };

/** A sample before its pictures are painted. */
export interface Draft {
  /** Its row in the table of the mixture. */
  readonly task: string;
  readonly language: Language;
  /** In the order of their tags. */
  readonly scenes: readonly Scene[];
  readonly said: Said;
}

/** A training sample. */
export interface Sample {
  readonly task: string;
  readonly language: Language;
  /** In the order of their tags in the text: RGB bytes `[height, width, 3]`. */
  readonly pictures: readonly Picture[];
  readonly said: Said;
  /**
   * Instead of pixels, in stage 0's texts: of every picture the text that stands in each of its Q slots, by rows, '' where nothing does.
   * Each is to be encoded as it is, and its first token put in the slot's place.
   */
  readonly slots?: readonly (readonly string[])[];
}

/** The text of a sample as the model reads it, without the markup of a chat. */
export const textOf = ({ said }: Pick<Sample, 'said'>): string =>
  said.form === 'completion'
    ? said.parts.map(({ prompt, target }) => prompt + target).join('')
    : said.messages.map(({ value }) => value).join('\n');

/** Where the i-th picture stands in a text. Only its number is between the tags: the picture's rows take its place. */
export const pictureTag = (number: number): string => `<img>${number}</img>`;
