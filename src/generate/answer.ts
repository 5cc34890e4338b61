import { createCaller } from '../../tensor/caller.ts';
import { free } from '../../tensor/tensor.ts';
import { InputError, TextError } from '../error.ts';
import type { Picture } from '../input/picture/picture.ts';
import {
  type Content,
  chatPrompt,
  chatStops,
  type Prompt,
  rawPrompt,
  rawStops,
  type Turn,
} from '../input/prompt/prompt.ts';
import { createTextStream } from '../input/text/text-stream.ts';
import { imageRows } from '../model/placed-images.ts';
import { generate } from './generate.ts';
import { createSampler, requireSampling, type Sampling } from './sample.ts';
import { createSight, type Sight } from './sight.ts';
import { createStopText } from './stop-text.ts';
import type { Answering } from './system.ts';

/** What is asked, after what was said before. */
export interface Question {
  readonly content: Content;
  /** The pictures of the conversation, in the order in which history and content name them. */
  readonly pictures: readonly Picture[];
  readonly history?: readonly Turn[];
  /** The system message of a chat. */
  readonly system?: string;
}

/** What is not given is as in the checkpoint's generation_config.json. */
export interface AnswerOptions extends Partial<Sampling> {
  readonly maxNewTokens?: number;
  /** Texts that end an answer; they are not part of it. */
  readonly stop?: readonly string[];
  /** See `PromptOptions`. */
  readonly allowSpecial?: boolean;
  /** Gives up what this answer has not started, and nothing of other answers; ends with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Told when a part begins: `vision encoder`, `adapter`, `prefill`, `decode`. */
  readonly onPart?: (name: string) => void;
  /** Remembers what was seen in the pictures; without it they are looked at anew. */
  readonly sight?: Sight;
}

/** A piece of an answer, as it becomes certain. */
export interface AnswerPiece {
  /** The token; undefined for what was held back at the end. */
  readonly id: number | undefined;
  /** Whole characters only; empty while one is still incomplete, or while a stop text may have begun. */
  readonly text: string;
}

/**
 * Looks at the pictures and answers, in ChatML or, for a base model, by going on where the content ends.
 *
 * @throws InputError for options that are not possible, TextError, and what the device throws
 */
export async function* answer(
  system: Answering,
  question: Question,
  options: AnswerOptions = {},
): AsyncGenerator<AnswerPiece, void, void> {
  for await (const { id, text } of answers(system, [question], options)) yield { id, text };
}

/** Answers several questions at once, in one batch; each piece says which question it belongs to. */
export async function* answers(
  system: Answering,
  questions: readonly Question[],
  options: AnswerOptions = {},
): AsyncGenerator<AnswerPiece & { readonly question: number }, void, void> {
  if (questions.length === 0) return;
  const { tokenizer, checkpoint, model } = system;
  const { onPart = () => undefined } = options;
  const sampling = samplingOf(system, options);
  const maxNewTokens = options.maxNewTokens ?? checkpoint.generation.max_new_tokens;
  if (!(Number.isSafeInteger(maxNewTokens) && maxNewTokens > 0)) {
    throw new InputError('maxNewTokens', `${maxNewTokens}, expected a whole number above 0`, 'give such a number');
  }
  const prompts = questions.map((question) => promptOf(system, question, options));
  const longest = Math.max(...prompts.map(({ ids }) => ids.length));
  requireRoom(sampling.minNewTokens, maxNewTokens, checkpoint.config.max_position_embeddings - longest);
  const stops = stopsOf(system);
  const ending = new Set(stops);
  const texts = questions.map(() => ({
    stream: createTextStream(tokenizer, { hidden: stops }),
    until: createStopText(options.stop ?? []),
  }));

  const shown = prompts.flatMap(({ images }, i) => images.map(({ picture }) => questions[i].pictures[picture - 1]));
  const sight = options.sight ?? createSight(model);
  options.signal?.throwIfAborted();
  const caller = createCaller(model.device, options.signal);
  try {
    const features = shown.length > 0 ? await sight.look(shown, caller, onPart) : undefined;
    try {
      onPart('prefill');
      const ids = prompts.map((prompt) => prompt.ids);
      const tokens = generate(model, ids, features && { features, source: imageRows(ids, model.config) }, {
        maxNewTokens,
        samplers: ids.map((prompt) => createSampler(sampling, prompt, stops)),
        ends: (prompt, id) => ending.has(id) || texts[prompt].until.stopped,
        caller,
      });
      let first = true;
      for await (const { prompt, id } of tokens) {
        if (first) onPart('decode');
        first = false;
        const { stream, until } = texts[prompt];
        yield { question: prompt, id, text: until.push(stream.push(id)) };
      }
      for (const [question, { stream, until }] of texts.entries()) {
        const text = until.push(stream.end()) + until.end();
        if (text) yield { question, id: undefined, text };
      }
    } finally {
      if (features && features.internal.freedBy === undefined) free(features);
    }
  } finally {
    caller.leave();
    if (!options.sight) sight.free();
  }
}

/** The tokens that end an answer. */
export function stopsOf({ tokenizer, checkpoint }: Pick<Answering, 'tokenizer' | 'checkpoint'>): readonly number[] {
  const { chat_format, eos_token_id } = checkpoint.generation;
  const own = chat_format === 'raw' ? rawStops(tokenizer) : chatStops(tokenizer);
  return [...new Set([...own, ...eos_token_id])];
}

/** What the caller asked for, and what the checkpoint says where the caller is silent. */
function samplingOf({ checkpoint: { generation } }: Answering, options: AnswerOptions): Sampling {
  const sampling: Sampling = {
    temperature: options.temperature ?? (generation.do_sample ? generation.temperature : 0),
    topK: options.topK ?? generation.top_k,
    topP: options.topP ?? generation.top_p,
    repetitionPenalty: options.repetitionPenalty ?? generation.repetition_penalty,
    minNewTokens: options.minNewTokens ?? generation.min_new_tokens,
    seed: options.seed ?? Math.floor(Math.random() * 2 ** 32),
  };
  requireSampling(sampling);
  return sampling;
}

/** @throws InputError where an answer cannot become as long as it must */
function requireRoom(minNewTokens: number, maxNewTokens: number, left: number): void {
  const limit = Math.min(maxNewTokens, left);
  if (minNewTokens <= limit) return;
  const why = limit === maxNewTokens ? 'which maxNewTokens allows' : 'for which the prompt leaves room';
  throw new InputError('minNewTokens', `${minNewTokens}, expected at most the ${limit} ${why}`, 'give fewer');
}

/** A question as the model is fed with it. @throws TextError */
export function promptOf(
  { tokenizer, checkpoint }: Answering,
  question: Question,
  { allowSpecial = false }: AnswerOptions = {},
): Prompt {
  const { content, history = [], pictures, system } = question;
  const { chat_format, max_window_size: maxWindowSize } = checkpoint.generation;
  const limits = { allowSpecial, maximumLength: checkpoint.config.max_position_embeddings - 1 };
  if (chat_format === 'raw' && (history.length > 0 || system !== undefined)) {
    throw new TextError('question', 'has a history or a system message', 'ask a base model without: it only continues');
  }
  const prompt: Prompt =
    chat_format === 'raw'
      ? rawPrompt(tokenizer, content, limits)
      : chatPrompt(
          tokenizer,
          { history, query: content, ...(system === undefined ? {} : { system }) },
          { ...limits, maxWindowSize },
        );
  const missing = prompt.images.find(({ picture }) => picture > pictures.length);
  if (missing) {
    const found = `names picture ${missing.picture}, and ${pictures.length} were given`;
    throw new TextError('question', found, 'give one picture for each image of history and content');
  }
  return prompt;
}
