import { type AnswerOptions, answer, promptOf, type Question } from '../../generate/answer.ts';
import type { Picture } from '../../input/picture/picture.ts';
import { openPicture, type RawPixels } from '../../input/picture/picture-source.ts';
import { pixelsOf, resize } from '../../input/picture/resize.ts';
import type { Engine } from './engine.ts';
import type { Context } from './service.ts';

/** A picture of the page: its file's bytes, or its pixels. The key is its own for good. */
export interface PagedPicture {
  readonly key: string;
  readonly name: string;
  readonly source: Uint8Array | RawPixels;
}

export interface AskArgument {
  readonly pictures: readonly PagedPicture[];
  readonly question: string;
  /** What was said before; the pictures of each turn come before its words. */
  readonly history?: readonly { readonly pictures: number; readonly question: string; readonly answer: string }[];
  readonly options?: Pick<
    AnswerOptions,
    'temperature' | 'topP' | 'topK' | 'repetitionPenalty' | 'minNewTokens' | 'maxNewTokens' | 'seed'
  >;
}

/** A part that begins, or a piece of the answer: its token, and the characters that became certain with it. */
export type AskReport = { readonly part: string } | { readonly id: number | undefined; readonly text: string };

export interface Answered {
  readonly text: string;
  /** Of the prompt, and of the answer with what ended it. */
  readonly promptTokens: number;
  readonly tokens: readonly { readonly id: number; readonly text: string }[];
  readonly milliseconds: { readonly first: number; readonly all: number };
  readonly ran: string;
}

/** Answers, and remembers the exchange for the other screens. */
export async function ask(
  { pictures, question, history = [], options = {} }: AskArgument,
  context: Context<AskReport>,
): Promise<Answered> {
  const engine = context.engine();
  const { system, sight } = engine;
  const { image_size: size } = system.model.config.visual;
  const opened: Picture[] = [];
  for (const picture of pictures) opened.push(await openedOnce(engine, picture, size));
  const images = (count: number) => Array.from({ length: count }, () => ({ image: '' }));
  const earlier = history.reduce((sum, turn) => sum + turn.pictures, 0);
  const asked: Question = {
    content: [...images(opened.length - earlier), { text: question }],
    pictures: opened,
    history: history.map((turn) => ({
      user: [...images(turn.pictures), { text: turn.question }],
      assistant: turn.answer,
    })),
  };
  const start = performance.now();
  let [first, text] = [0, ''];
  const ids: number[] = [];
  const onPart = (part: string) => context.report({ part });
  for await (const piece of answer(system, asked, { sight, onPart, signal: context.signal, ...options })) {
    if (first === 0) first = performance.now() - start;
    if (piece.id !== undefined) ids.push(piece.id);
    text += piece.text;
    context.report(piece);
  }
  const all = performance.now() - start;
  const { ids: prompt, images: shown } = promptOf(system, asked);
  const pixels = pixelsOf(
    shown.map(({ picture }) => opened[picture - 1]),
    size,
  );
  engine.last = { inputs: { ids: prompt, pixels, images: shown.length, size, tokens: Int32Array.from(ids) } };
  return {
    text,
    promptTokens: prompt.length,
    tokens: ids.map((id) => ({ id, text: system.tokenizer.decode([id]) })),
    milliseconds: { first, all },
    ran: engine.device.description,
  };
}

/** A picture that was opened before stays the same object: so the model knows it again. */
async function openedOnce({ pictures }: Engine, { key, name, source }: PagedPicture, size: number): Promise<Picture> {
  const known = pictures.get(key);
  const picture = known ?? resize(await openPicture(source, { name }), size);
  pictures.delete(key);
  pictures.set(key, picture);
  if (pictures.size > REMEMBERED) pictures.delete(pictures.keys().next().value!);
  return picture;
}

const REMEMBERED = 32;
