import { argmax } from '../../kernels/argmax.ts';
import { embedding } from '../../kernels/embedding.ts';
import { scope } from '../../tensor/scope.ts';
import { free, read, type Tensor, tensor } from '../../tensor/tensor.ts';
import { TextError } from '../error.ts';
import { type Cache, createCache, decode, freeCache, logits, type Model, type PlacedImages } from '../model/qwen-vl.ts';
import type { Sampler } from './sample.ts';

/** Caches are rounded up to this many positions, so that prompts of similar lengths share compiled kernels. */
const CACHE_STEP = 128;

export interface GenerateOptions {
  readonly maxNewTokens: number;
  /** One for each prompt. */
  readonly samplers: readonly Sampler[];
  /** Asked after each token: whether the answer to that prompt ends with it. */
  readonly ends: (prompt: number, id: number) => boolean;
  /** Ends with the signal's reason before the next step. */
  readonly signal?: AbortSignal;
}

/** A token of the answer to one of the prompts. */
export interface GeneratedToken {
  readonly prompt: number;
  readonly id: number;
}

/**
 * Answers one or several prompts at once: prefills them together, then makes one token a step for each that is not done, over
 * the cache. Yields each token as it is known, the one that ends an answer included. On `cpu` a prompt's answer is the same,
 * to the byte of its scores, whatever other prompts there are.
 *
 * @param images what replaces the embeddings of image positions, counted through all prompts
 * @throws TextError when a prompt leaves no room for an answer
 */
export async function* generate(
  model: Model,
  prompts: readonly Int32Array[],
  images: PlacedImages | undefined,
  { maxNewTokens, samplers, ends, signal }: GenerateOptions,
): AsyncGenerator<GeneratedToken, void, void> {
  const longest = model.config.max_position_embeddings;
  const rooms = prompts.map(({ length }) => {
    if (length < longest) return Math.min(maxNewTokens, longest - length);
    throw new TextError('prompt', `${length} tokens, expected fewer than ${longest}`, 'shorten it');
  });
  const capacities = prompts.map(({ length }, i) => Math.ceil((length + rooms[i]) / CACHE_STEP) * CACHE_STEP);
  const cache = createCache(model, ...capacities);
  try {
    let fed: readonly Int32Array[] = prompts;
    for (let made = 0; fed.some(({ length }) => length > 0); made++) {
      signal?.throwIfAborted();
      const active = [...prompts.keys()].filter((i) => fed[i].length > 0);
      const chosen = await next(
        model,
        fed,
        cache,
        made === 0 ? images : undefined,
        active.map((i) => samplers[i]),
      );
      const following = prompts.map(() => new Int32Array(0));
      for (const [at, prompt] of active.entries()) {
        const id = chosen[at];
        samplers[prompt].accept(id);
        yield { prompt, id };
        if (!ends(prompt, id) && made + 1 < rooms[prompt]) following[prompt] = Int32Array.of(id);
      }
      fed = following;
    }
  } finally {
    freeCache(cache);
  }
}

/** Feeds tokens and chooses the next one of each sequence that got some. */
async function next(
  model: Model,
  fed: readonly Int32Array[],
  cache: Cache,
  images: PlacedImages | undefined,
  samplers: readonly Sampler[],
): Promise<ArrayLike<number>> {
  const onDevice = samplers.every(({ likeliest }) => likeliest);
  const wanted = scope<Tensor>(() => {
    const scores = nextScores(model, fed, cache, images);
    return onDevice ? argmax(scores) : scores;
  });
  const result = read(wanted);
  free(wanted);
  const values = await result;
  if (onDevice) return values;
  const V = model.config.vocab_size;
  return samplers.map((sampler, i) => sampler.choose(values.subarray(i * V, (i + 1) * V)));
}

/**
 * Feeds tokens, and scores what may follow each sequence that got some.
 *
 * @returns `[sequences, V]`
 */
export function nextScores(model: Model, fed: readonly Int32Array[], cache: Cache, images?: PlacedImages): Tensor {
  return scope<Tensor>(() => {
    const hidden = decode(model, fed, cache, images);
    const lengths = fed.map(({ length }) => length).filter((length) => length > 0);
    const last = new Int32Array(lengths.length);
    for (const [i, length] of lengths.entries()) last[i] = (last[i - 1] ?? -1) + length;
    // Only the last row of a sequence has a next token: scoring the others would cost most of a prefill's time.
    return logits(model, embedding(hidden, tensor(model.device, last, [last.length])));
  });
}
