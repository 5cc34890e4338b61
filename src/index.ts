import type { Device } from '../tensor/device.ts';
import { closeDevice } from '../tensor/device.ts';
import { type DeviceName, openDevice } from '../tensor/open.ts';
import {
  checked,
  checkedLater,
  requireAnswerOptions,
  requireChatOptions,
  requireLoadOptions,
  requireMessage,
  requireModel,
  requirePicture,
  requirePictureOptions,
  requireQuestions,
  requireRegions,
  requireSample,
  requireSampleTexts,
  requireText,
  requireTokenizer,
} from './arguments.ts';
import { type AnswerOptions, type AnswerPiece, answer, answers, type Question } from './generate/answer.ts';
import { createSight, type Sight } from './generate/sight.ts';
import { type MemoryOptions, openSystem, type System } from './generate/system.ts';
import * as draw from './input/draw.ts';
import * as svg from './input/draw-svg.ts';
import * as grounding from './input/grounding.ts';
import type { Picture } from './input/image.ts';
import { openPicture as openSource, type PictureSource as Source } from './input/picture-source.ts';
import type { Piece } from './input/prompt.ts';
import * as tasks from './input/tasks.ts';

export type { AnswerOptions, AnswerPiece } from './generate/answer.ts';
export type { Picture } from './input/image.ts';
export { taskFormats } from './input/tasks.ts';

/** See src/input: `openPicture` is in picture-source.ts, the others are in draw.ts, draw-svg.ts, grounding.ts and tasks.ts. */
export const openPicture = checkedLater(openSource, { source: () => undefined, options: requirePictureOptions });
export const drawRegions = checkedLater(draw.drawRegions, { picture: requirePicture, regions: requireRegions });
export const regionsToSvg = checkedLater(svg.regionsToSvg, { picture: requirePicture, regions: requireRegions });
export const encodePng = checked(draw.encodePng, { picture: requirePicture });
export const parseGrounding = checked(grounding.parseGrounding, { text: requireText });
export const formatSample = checked(tasks.formatSample, { sample: requireSample });
export const parseSample = checked(tasks.parseSample, { sample: requireSampleTexts });
export const encodeSample = checked(tasks.encodeSample, { tokenizer: requireTokenizer, sample: requireSample });

/** A model that is ready to be asked. */
export interface QwenVL extends System {
  readonly device: Device;
  /** What it saw in the last pictures: a `Picture` that is shown again is not looked at again. */
  readonly sight: Sight;
}

/**
 * A path, or the bytes of a file, a data URL, pixels (see `openPicture`), or a picture that was opened before. Only what the
 * caller passes is ever opened, never a path in a text.
 */
export type PictureSource = string | Source | Picture;

/** A message: words, or words, pictures and regions in the order in which they are meant. */
export type Message =
  | string
  | readonly ({ readonly text: string } | { readonly image: PictureSource } | grounding.Region)[];

export interface ChatOptions extends AnswerOptions {
  readonly history?: readonly { readonly user: Message; readonly assistant: string }[];
  readonly system?: string;
}

/**
 * Loads a checkpoint as it is published: `config.json`, weights, `qwen.tiktoken`.
 *
 * @param options.device `auto` (the default) takes WebGPU where there is a GPU
 * @param options.memory how many bytes the weights may take; what does not fit is streamed from its files
 * @param options.resident the decoder has to fit
 * @throws CheckpointError, TextError; DeviceError when there is no such device here
 */
export async function load(
  folder: string,
  options: { readonly device?: DeviceName; readonly threads?: number } & MemoryOptions = {},
): Promise<QwenVL> {
  requireText('folder', folder);
  requireLoadOptions('options', options);
  const { device } = await openDevice(options.device ?? 'auto', options.threads);
  try {
    const system = await openSystem(folder, device, options);
    const sight = createSight(system.model);
    let closing: Promise<void> | undefined;
    // The device first: answers that are still being given end with its error, and no weight is being read any more.
    const end = async () => {
      try {
        await closeDevice(device);
      } finally {
        sight.free();
        await system.close();
      }
    };
    return {
      ...system,
      device,
      sight,
      close() {
        closing ??= end();
        return closing;
      },
    };
  } catch (error) {
    await closeDevice(device);
    throw error;
  }
}

/**
 * Answers a message piece by piece, as soon as its characters are certain. Without sampling options as the checkpoint's
 * generation_config.json says.
 *
 * @throws InputError, ImageError, TextError for what cannot be asked; the signal's reason when it is aborted; DeviceError when the
 *   model is closed; ScoreError when it computes no numbers
 */
export async function* chat(
  model: QwenVL,
  message: Message,
  chatOptions: ChatOptions = {},
): AsyncGenerator<AnswerPiece, void, void> {
  requireModel('model', model);
  requireMessage('message', message);
  requireChatOptions('options', chatOptions);
  const { history = [], system, ...options } = chatOptions;
  const pictures: Picture[] = [];
  const turns = [];
  // Copied, for it may grow while pictures are opened: other answers of the conversation may be on their way.
  const [said, asked] = [history.map(({ user, assistant }) => ({ user: copied(user), assistant })), copied(message)];
  for (const { user, assistant } of said)
    turns.push({ user: await withPictures(user, pictures, options.signal), assistant });
  const content = await withPictures(asked, pictures, options.signal);
  const question: Question = { content, pictures, history: turns, ...(system === undefined ? {} : { system }) };
  yield* answer(model, question, { sight: model.sight, ...options });
}

/** The whole answer to a question about some pictures. Options and errors as in `chat`. */
export async function ask(
  model: QwenVL,
  pictures: PictureSource | readonly PictureSource[],
  question: string,
  options: AnswerOptions = {},
): Promise<string> {
  requireText('question', question);
  const [text] = await askAll(model, [{ pictures, question }], options);
  return text;
}

/** The whole answers to several questions, computed in one batch. Options and errors as in `chat`. */
export async function askAll(
  model: QwenVL,
  questions: readonly { readonly pictures: PictureSource | readonly PictureSource[]; readonly question: string }[],
  options: AnswerOptions = {},
): Promise<string[]> {
  requireModel('model', model);
  requireQuestions('questions', questions);
  requireAnswerOptions('options', options);
  const chosen = { sight: model.sight, ...options };
  const asked: Question[] = [];
  const given = questions.map(({ pictures, question }) => ({ pictures: copied(pictures), question }));
  for (const { pictures, question } of given) {
    const images = [pictures].flat().map((image) => ({ image }));
    const shown: Picture[] = [];
    asked.push({
      content: await withPictures([...images, { text: question }], shown, chosen.signal),
      pictures: shown,
    });
  }
  const texts = asked.map(() => '');
  for await (const { question, text } of answers(model, asked, chosen)) {
    texts[question] += text;
  }
  return texts;
}

/** What a caller passed, as it was then. */
const copied = <Value>(value: Value): Value => (Array.isArray(value) ? ([...value] as Value) : value);

/** A message as a prompt takes it, its pictures opened and added to those before. */
async function withPictures(message: Message, pictures: Picture[], signal?: AbortSignal): Promise<readonly Piece[]> {
  const pieces: Piece[] = [];
  for (const part of typeof message === 'string' ? [{ text: message }] : message) {
    if ('image' in part) {
      signal?.throwIfAborted();
      pictures.push(await opened(part.image));
      // The name between the image tags has no effect, the image's rows replace it; a long path would not even fit.
      pieces.push({ image: '' });
    } else pieces.push(part);
  }
  return pieces;
}

/** A picture that was opened before stays the same object: that is how it is known again. */
async function opened(image: PictureSource): Promise<Picture> {
  if (typeof image === 'string') return openSource({ path: image });
  const isPixels = typeof image === 'object' && image !== null && 'data' in image && !('channels' in image);
  if (!isPixels) return openSource(image);
  const { width, height, data } = image;
  const isOpen = data instanceof Uint8Array && Number.isInteger(width) && data.length === 3 * width * height;
  return isOpen && width > 0 ? image : openSource({ ...image, channels: 3 });
}
