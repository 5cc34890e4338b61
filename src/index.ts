import type { Device } from '../tensor/device.ts';
import { closeDevice } from '../tensor/device.ts';
import { type DeviceName, openDevice } from '../tensor/open.ts';
import { type AnswerOptions, type AnswerPiece, answer, answers, type Question } from './generate/answer.ts';
import { createSight, type Sight } from './generate/sight.ts';
import { type MemoryOptions, openSystem, type System } from './generate/system.ts';
import type { Region } from './input/grounding.ts';
import type { Picture } from './input/image.ts';
import { openPicture, type PictureSource as Source } from './input/picture-source.ts';
import type { Piece } from './input/prompt.ts';

export type { AnswerOptions, AnswerPiece } from './generate/answer.ts';
export { drawRegions, encodePng } from './input/draw.ts';
export { regionsToSvg } from './input/draw-svg.ts';
export { parseGrounding } from './input/grounding.ts';
export type { Picture } from './input/image.ts';
export { openPicture } from './input/picture-source.ts';
export { encodeSample, formatSample, parseSample, taskFormats } from './input/tasks.ts';

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
export type Message = string | readonly ({ readonly text: string } | { readonly image: PictureSource } | Region)[];

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
 * @throws InputError, ImageError, TextError for what cannot be asked; the signal's reason when it is aborted
 */
export async function* chat(
  model: QwenVL,
  message: Message,
  { history = [], system, ...options }: ChatOptions = {},
): AsyncGenerator<AnswerPiece, void, void> {
  const pictures: Picture[] = [];
  const turns = [];
  for (const { user, assistant } of history) turns.push({ user: await withPictures(user, pictures), assistant });
  const content = await withPictures(message, pictures);
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
  const [text] = await askAll(model, [{ pictures, question }], options);
  return text;
}

/** The whole answers to several questions, computed in one batch. Options and errors as in `chat`. */
export async function askAll(
  model: QwenVL,
  questions: readonly { readonly pictures: PictureSource | readonly PictureSource[]; readonly question: string }[],
  options: AnswerOptions = {},
): Promise<string[]> {
  const asked: Question[] = [];
  for (const { pictures, question } of questions) {
    const images = [pictures].flat().map((image) => ({ image }));
    const shown: Picture[] = [];
    asked.push({ content: await withPictures([...images, { text: question }], shown), pictures: shown });
  }
  const texts = asked.map(() => '');
  for await (const { question, text } of answers(model, asked, { sight: model.sight, ...options })) {
    texts[question] += text;
  }
  return texts;
}

/** A message as a prompt takes it, its pictures opened and added to those before. */
async function withPictures(message: Message, pictures: Picture[]): Promise<readonly Piece[]> {
  const pieces: Piece[] = [];
  for (const part of typeof message === 'string' ? [{ text: message }] : message) {
    if ('image' in part) {
      pictures.push(await opened(part.image));
      // The name between the image tags has no effect, the image's rows replace it; a long path would not even fit.
      pieces.push({ image: '' });
    } else pieces.push(part);
  }
  return pieces;
}

/** A picture that was opened before stays the same object: that is how it is known again. */
async function opened(image: PictureSource): Promise<Picture> {
  if (typeof image === 'string') return openPicture({ path: image });
  const isOpen = 'data' in image && !('channels' in image);
  if (isOpen && image.data.length === 3 * image.width * image.height) return image;
  return openPicture(isOpen ? { ...image, channels: 3 } : image);
}
