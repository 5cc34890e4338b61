import { free, type Tensor, tensor } from '../../tensor/tensor.ts';
import type { Picture } from '../input/image.ts';
import { type ChatOptions, type Content, chatPrompt, chatStops, type Prompt, type Turn } from '../input/prompt.ts';
import { pixels } from '../input/resize.ts';
import { createTextStream } from '../input/text-stream.ts';
import { adaptFeatures, encodePatches } from '../model/qwen-vl.ts';
import { generate } from './generate.ts';
import type { System } from './system.ts';

export interface AnswerOptions extends Pick<ChatOptions, 'allowSpecial'> {
  readonly history?: readonly Turn[];
  readonly maxNewTokens?: number;
  readonly signal?: AbortSignal;
  /** Told when a stage begins: `vision encoder`, `adapter`, `prefill`, `decode`. */
  readonly onStage?: (name: string) => void;
}

/** A piece of an answer, as it becomes certain. */
export interface AnswerPiece {
  /** The token; undefined for what an answer that ends within a character leaves behind. */
  readonly id: number | undefined;
  /** Whole characters only; empty while one is still incomplete. */
  readonly text: string;
}

/**
 * Looks at the pictures and answers, in ChatML, greedily.
 *
 * @param pictures the pictures of the conversation, in the order in which the content names them
 * @param content the question, its pictures among its pieces
 * @throws TextError, and what the device throws
 */
export async function* answer(
  system: System,
  pictures: readonly Picture[],
  content: Content,
  options: AnswerOptions = {},
): AsyncGenerator<AnswerPiece, void, void> {
  const { tokenizer, checkpoint, model } = system;
  const { onStage = () => undefined } = options;
  const { history = [], allowSpecial = false } = options;
  const prompt = chatPrompt(
    tokenizer,
    { history, query: content },
    {
      allowSpecial,
      maxWindowSize: checkpoint.generation.max_window_size,
      maximumLength: checkpoint.config.max_position_embeddings - 1,
    },
  );
  const features = await look(system, prompt, pictures, onStage);
  try {
    const stops = chatStops(tokenizer);
    const stream = createTextStream(tokenizer, { hidden: stops });
    const maxNewTokens = options.maxNewTokens ?? checkpoint.generation.max_new_tokens;
    onStage('prefill');
    const tokens = generate(model, prompt.ids, features && { features, source: imageRows(prompt) }, {
      stops,
      maxNewTokens,
      ...(options.signal ? { signal: options.signal } : {}),
    });
    let first = true;
    for await (const id of tokens) {
      if (first) onStage('decode');
      first = false;
      yield { id, text: stream.push(id) };
    }
    const rest = stream.end();
    if (rest) yield { id: undefined, text: rest };
  } finally {
    if (features && features.internal.freedBy === undefined) free(features);
  }
}

/** Features of the pictures that the prompt shows, in its order; undefined when it shows none. */
async function look(
  { model }: System,
  prompt: Prompt,
  pictures: readonly Picture[],
  onStage: (name: string) => void,
): Promise<Tensor | undefined> {
  if (prompt.images.length === 0) return undefined;
  const size = model.config.visual.image_size;
  const input = new Float32Array(prompt.images.length * 3 * size * size);
  for (const [i, { picture }] of prompt.images.entries()) {
    input.set(pixels(pictures[picture - 1], size), i * 3 * size * size);
  }
  onStage('vision encoder');
  const uploaded = tensor(model.device, input, [prompt.images.length * 3 * size, size], { label: 'pixels' });
  const encoded = encodePatches(model, uploaded);
  free(uploaded);
  await model.device.queue.idle(); // only so that the two stages can be told apart
  onStage('adapter');
  const features = adaptFeatures(model, encoded);
  free(encoded);
  await model.device.queue.idle();
  return features;
}

/** For each position of the prompt the row of the image features that replaces its embedding, or −1. */
export function imageRows(prompt: Prompt): Int32Array {
  const source = new Int32Array(prompt.ids.length).fill(-1);
  let row = 0;
  for (const { start, count } of prompt.images) for (let i = 0; i < count; i++) source[start + i] = row++;
  return source;
}
