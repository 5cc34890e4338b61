import { TextError } from '../../error.ts';
import { formatShape, type Region, shapeTag } from '../boxes/grounding.ts';
import type { SpecialUse } from '../text/special-tokens.ts';
import type { Tokenizer } from '../text/tokenizer.ts';

/** A part of a message: words, an image, or a region of one. */
export type Piece = { readonly text: string } | ImagePiece | Region;
/** An image: the name or path that is written between its tags. */
export type ImagePiece = {
  readonly image: string;
  /** Whether `Picture i: ` stands before it and a newline after it, as in a chat (the default), or nothing does. */
  readonly numbered?: boolean;
};
export type Content = string | readonly Piece[];

/** A question and the answer that was given to it. */
export type Turn = { readonly user: Content; readonly assistant: Content };

/** Where an image's rows stand in a prompt: they replace `count` (Q) embeddings from `start`, the first after `<img>`. */
export type PromptImage = {
  readonly start: number;
  readonly count: number;
  /** The name or path between the tags. It is only a name: never open a file because a prompt holds its path. */
  readonly name: string;
  /** Which image of the conversation it is, from 1, those of forgotten turns counted: the i of `Picture i`. */
  readonly picture: number;
};

export type Prompt = { readonly ids: Int32Array; readonly images: readonly PromptImage[] };

export type PromptOptions = {
  /**
   * Recognise special tokens in text: all of them in a raw prompt, the nine of images and regions in a chat. Only for
   * text that the caller wrote: with it, the author of the text decides which images the prompt holds.
   */
  readonly allowSpecial?: boolean;
  /** The most ids that the prompt may have: more is a TextError. */
  readonly maximumLength?: number;
};

export type ChatOptions = PromptOptions & {
  /** A turn is remembered while system message and turns have fewer ids than this (generation_config's `max_window_size`). */
  readonly maxWindowSize?: number;
};

/** The ids that end an answer of the base model. */
export const rawStops = ({ special }: Tokenizer): number[] => [special.endOfText];
/** The ids that end an answer in a chat. */
export const chatStops = ({ special }: Tokenizer): number[] => [special.imEnd, special.imStart, special.endOfText];

/**
 * A prompt for the base model: the content itself. Images are introduced by `Picture i: ` and followed by a newline; ids
 * come from the pieces, so text never turns into an image or a special token (unless `allowSpecial`). Throws a TextError
 * for what `Tokenizer.encode` refuses and for a prompt that is too long.
 */
export function rawPrompt(tokenizer: Tokenizer, content: Content, options: PromptOptions = {}): Prompt {
  const ids = encodeContent(tokenizer, content, options.allowSpecial ? 'all' : 'none', 1);
  return finish(tokenizer, ids, 0, options);
}

/**
 * A prompt for the chat model (ChatML), which ends where the answer to `query` begins. Roles, newlines and contents are
 * encoded apart, as in the original. Of the history the newest turns are kept that fit `maxWindowSize` (the query is not
 * counted); `Picture i` numbers go through the whole conversation. Answers are the model's own: their `<ref>`, `<box>`
 * and `<quad>` are special tokens. Errors as in `rawPrompt`.
 */
export function chatPrompt(
  tokenizer: Tokenizer,
  chat: { readonly system?: string; readonly history?: readonly Turn[]; readonly query: Content },
  options: ChatOptions = {},
): Prompt {
  const { special } = tokenizer;
  const { allowSpecial = false, maxWindowSize = 6144 } = options;
  const newline = tokenizer.encode('\n');
  let pictures = 0;
  const opening = (role: string): number[] => [special.imStart, ...tokenizer.encode(role), ...newline];
  const message = (role: string, content: Content, use: SpecialUse): number[] => {
    const ids = encodeContent(tokenizer, content, allowSpecial ? 'image-tags' : use, pictures + 1);
    pictures += countImages(tokenizer, ids);
    return opening(role).concat(ids, special.imEnd);
  };

  const system = message('system', chat.system ?? 'You are a helpful assistant.', 'none');
  const turns = (chat.history ?? []).map(({ user, assistant }) => {
    const question = message('user', user, 'none');
    return newline.concat(question, newline, message('assistant', assistant, 'grounding-tags'));
  });
  const query = newline.concat(message('user', chat.query, 'none'), newline, opening('assistant'));

  let first = turns.length;
  for (let size = system.length; first > 0 && size + turns[first - 1].length < maxWindowSize; first--) {
    size += turns[first - 1].length;
  }
  const ids = system.concat(turns.slice(first).flat(), query);
  return finish(tokenizer, ids, pictures - countImages(tokenizer, ids), options);
}

/** The ids of a message whose first image is `Picture picture`. Neighbouring texts are encoded as one. */
function encodeContent(tokenizer: Tokenizer, content: Content, use: SpecialUse, picture: number): number[] {
  const { special } = tokenizer;
  const parts: number[][] = [];
  let text = '';
  const put = (...ids: number[][]): void => {
    parts.push(tokenizer.encode(text, { special: use }), ...ids);
    text = '';
  };
  for (const piece of typeof content === 'string' ? [{ text: content }] : content) {
    if ('text' in piece) {
      text += piece.text;
      if (use !== 'none') picture += piece.text.split('<img>').length - 1;
    } else if ('image' in piece) {
      const { image, numbered = true } = piece;
      if (numbered) text += `Picture ${picture}: `;
      picture++;
      put(tokenizer.encodeImage(image));
      if (numbered) text = '\n';
    } else {
      if (piece.ref !== null) put([special.refStart], tokenizer.encode(piece.ref), [special.refEnd]);
      for (const shape of piece.shapes) {
        const [start, end] =
          shapeTag(shape) === 'box' ? [special.boxStart, special.boxEnd] : [special.quadStart, special.quadEnd];
        put([start], tokenizer.encode(formatShape(shape)), [end]);
      }
    }
  }
  put();
  return parts.flat();
}

function countImages({ special }: Tokenizer, ids: readonly number[]): number {
  return ids.reduce((count, id) => count + (id === special.imageStart ? 1 : 0), 0);
}

/** Checks the length and finds the images; `forgotten` of them stood in turns that were dropped. */
function finish(tokenizer: Tokenizer, list: readonly number[], forgotten: number, options: PromptOptions): Prompt {
  const { special, imageTokens: count } = tokenizer;
  const { maximumLength = Number.POSITIVE_INFINITY } = options;
  if (list.length > maximumLength) {
    const found = `${list.length} tokens (${count + 2} an image), expected at most ${maximumLength}`;
    throw new TextError('prompt', found, 'shorten the text, use fewer images or begin a new conversation');
  }
  const ids = Int32Array.from(list);
  const images: PromptImage[] = [];
  for (let at = ids.indexOf(special.imageStart); at >= 0; at = ids.indexOf(special.imageStart, at + count + 2)) {
    const start = at + 1;
    const path = ids.subarray(start, start + count).filter((id) => id !== special.imagePad);
    const name = new TextDecoder('utf-8', { ignoreBOM: true }).decode(Uint8Array.from(path));
    images.push({ start, count, name, picture: forgotten + images.length + 1 });
  }
  return { ids, images };
}
