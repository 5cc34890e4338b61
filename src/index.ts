import type { Device } from '../tensor/device.ts';
import { closeDevice } from '../tensor/device.ts';
import { freeAll, read } from '../tensor/tensor.ts';
import {
  checked,
  checkedLater,
  requireAnswerOptions,
  requireChatOptions,
  requireConversations,
  requireLoadOptions,
  requireLossOptions,
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
import { largestWeight } from './checkpoint/folder.ts';
import { type AnswerOptions, type AnswerPiece, answer, answers, type Question } from './generate/answer.ts';
import { openSystem } from './generate/open-system.ts';
import { createSight, type Sight } from './generate/sight.ts';
import type { System, SystemOptions } from './generate/system.ts';
import * as draw from './input/boxes/draw.ts';
import * as svg from './input/boxes/draw-svg.ts';
import * as grounding from './input/boxes/grounding.ts';
import type { Picture } from './input/picture/picture.ts';
import {
  openPictures,
  openPicture as openSource,
  type PictureSource as Source,
} from './input/picture/picture-source.ts';
import { pixelsOf } from './input/picture/resize.ts';
import type { Piece } from './input/prompt/prompt.ts';
import * as tasks from './input/prompt/tasks.ts';
import type { Model } from './model/qwen-vl.ts';
import { type DeviceName, openDevice } from './open-device.ts';
import { trainingSequence } from './train/conversations.ts';
import { type LossOptions, lossAndGradients as lossOfBatch } from './train/gradients.ts';

export type { AnswerOptions, AnswerPiece } from './generate/answer.ts';
export type { Picture } from './input/picture/picture.ts';
export { taskFormats } from './input/prompt/tasks.ts';
export type { LossOptions } from './train/gradients.ts';
export { STAGES as trainingStages } from './train/groups.ts';

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
 * @param options.device `auto` (the default) takes WebGPU where there is a GPU that has room for the model's largest weight
 * @param options.adapter the folder of a LoRA adapter, as PEFT saves it, to put on: `model.checkpoint.notes` says what it changes
 * @param options.memory how many bytes the weights may take; what does not fit is streamed from its files
 * @param options.resident the decoder has to fit
 * @throws CheckpointError, TextError; DeviceError when there is no such device here
 */
export async function load(
  folder: string,
  options: { readonly device?: DeviceName; readonly threads?: number } & SystemOptions = {},
): Promise<QwenVL> {
  requireText('folder', folder);
  requireLoadOptions('options', options);
  const { device } = await openDevice(options.device ?? 'auto', options.threads, () => largestWeight(folder));
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
  // Before anything is awaited, for they may grow: other answers of the conversation may be on their way.
  const images: PictureSource[] = [];
  const turns = history.map(({ user, assistant }) => ({ user: piecesOf(user, images), assistant }));
  const content = piecesOf(message, images);
  const pictures = await opened(images, model.model, options.signal);
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
  // Before anything is awaited, for the caller's lists may change.
  const given = questions.map(({ pictures, question }) => {
    const images: PictureSource[] = [];
    const parts = [pictures].flat().map((image) => ({ image }));
    return { content: piecesOf([...parts, { text: question }], images), images };
  });
  const asked: Question[] = [];
  for (const { content, images } of given) {
    asked.push({ content, pictures: await opened(images, model.model, chosen.signal) });
  }
  const texts = asked.map(() => '');
  for await (const { question, text } of answers(model, asked, chosen)) {
    texts[question] += text;
  }
  return texts;
}

/** What a model is to learn to say: the answers, after all that stands before them. */
export interface Conversation {
  readonly turns: readonly { readonly user: Message; readonly assistant: string }[];
  readonly system?: string;
}

/** The gradient of the loss with respect to a weight. */
export interface Gradient {
  readonly shape: readonly number[];
  /** Row-major. */
  readonly data: Float32Array;
}

/**
 * The loss of conversations, several at once and with several pictures each, and its gradient with respect to every weight that is
 * trained, by the checkpoint's names, from the scores back to the pixels. The loss is the mean over all supervised tokens, in nats, as
 * in the released fine-tuning script. No weight is changed.
 *
 * With an adapter put on, the gradients of a layer's weight and bias are those of the merged layer, and the adapter's factors have theirs
 * by their names, `….lora_A.weight` and `….lora_B.weight`: of the numbers in its file, without the scale. Where weights are in 4 bits, they
 * are those of the unpacked weights.
 *
 * @param options.trains which weights; by default all that the original trains: `trainingStages` has those of its stages
 * @param options.recompute whether blocks run again on the way back instead of being kept: less memory for more time; true by default
 * @throws InputError, ImageError, TextError for what cannot be trained on; GradientError when the loss is no number
 */
export async function lossAndGradients(
  model: QwenVL,
  conversations: readonly Conversation[],
  options: LossOptions = {},
): Promise<{ readonly loss: number; readonly gradients: ReadonlyMap<string, Gradient> }> {
  requireModel('model', model);
  requireConversations('conversations', conversations);
  requireLossOptions('options', options);
  const images: PictureSource[] = [];
  const sequences = conversations.map(({ turns, system }) => {
    const said = turns.map(({ user, assistant }) => ({ user: piecesOf(user, images), assistant }));
    return trainingSequence(model.tokenizer, { turns: said, system });
  });
  const pictures = await opened(images, model.model);
  const pixels = pixelsOf(pictures, model.model.config.visual.image_size);
  const batch = { sequences, pixels, images: pictures.length };
  const { loss, gradients } = await lossOfBatch(model.model, batch, options);
  try {
    const reading = [...gradients].map(async ([name, gradient]): Promise<[string, Gradient]> => {
      const scale = model.checkpoint.loraScales?.get(name) ?? 1; // the model holds s·B
      const data = Float32Array.from(await read(gradient)).map((value) => scale * value); // `from` that maps takes ten times as long
      return [name, { shape: gradient.shape, data }];
    });
    return { loss, gradients: new Map(await Promise.all(reading)) };
  } finally {
    freeAll(model.device, [...gradients.values()]);
  }
}

/** A message as a prompt takes it, its pictures added to those before. */
function piecesOf(message: Message, images: PictureSource[]): readonly Piece[] {
  return (typeof message === 'string' ? [{ text: message }] : message).map((part) => {
    if (!('image' in part)) return part;
    images.push(part.image);
    // The name between the image tags has no effect, the image's rows replace it; a long path would not even fit.
    return { image: '' };
  });
}

/** A picture that was opened before stays the same object: that is how it is known again. */
async function opened(images: readonly PictureSource[], { config }: Model, signal?: AbortSignal): Promise<Picture[]> {
  const known = images.map((image) => (isOpen(image) ? image : undefined));
  const sources = images.filter((_, i) => !known[i]).map(sourceOf);
  const others = await openPictures(sources, config.visual.image_size, signal);
  return known.map((picture) => picture ?? (others.shift() as Picture));
}

/** Types are forgotten where plain JavaScript calls. */
const isRgb = (image: PictureSource): image is Picture =>
  typeof image === 'object' && image !== null && 'data' in image && !('channels' in image);

function isOpen(image: PictureSource): image is Picture {
  if (!isRgb(image)) return false;
  const { width, height, data } = image;
  return data instanceof Uint8Array && Number.isInteger(width) && width > 0 && data.length === 3 * width * height;
}

function sourceOf(image: PictureSource): Source {
  if (typeof image === 'string') return { path: image };
  return isRgb(image) ? { ...image, channels: 3 } : image;
}
