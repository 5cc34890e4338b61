import { argmax } from '../../kernels/argmax.ts';
import { embedding } from '../../kernels/embedding.ts';
import { scope } from '../../tensor/scope.ts';
import { free, read, type Tensor, tensor } from '../../tensor/tensor.ts';
import { TextError } from '../error.ts';
import { type Cache, createCache, decode, freeCache, logits, type Model, type PlacedImages } from '../model/qwen-vl.ts';

/** Caches are rounded up to this many positions, so that prompts of similar lengths share compiled kernels. */
const CACHE_STEP = 128;

export interface GenerateOptions {
  /** Ids that end the answer; the one that does is yielded last. */
  readonly stops: readonly number[];
  readonly maxNewTokens: number;
  /** Gives up what has not started and ends the answer with the signal's reason. */
  readonly signal?: AbortSignal;
}

/**
 * Greedy generation: prefill the prompt, then one token a step over the cache, always the likeliest. Yields each id as it
 * is known, a stop included.
 *
 * @param ids the prompt
 * @param images what replaces the embeddings of the prompt's image positions
 * @throws TextError when the prompt leaves no room for an answer
 */
export async function* generate(
  model: Model,
  ids: Int32Array,
  images: PlacedImages | undefined,
  { stops, maxNewTokens, signal }: GenerateOptions,
): AsyncGenerator<number, void, void> {
  const longest = model.config.max_position_embeddings;
  if (ids.length >= longest) {
    throw new TextError('prompt', `${ids.length} tokens, expected fewer than ${longest}`, 'shorten it');
  }
  const room = Math.min(maxNewTokens, longest - ids.length);
  const cache = createCache(model, Math.ceil((ids.length + room) / CACHE_STEP) * CACHE_STEP);
  const cancel = () => model.device.queue.cancel(signal?.reason);
  signal?.addEventListener('abort', cancel);
  try {
    let input = ids;
    for (let made = 0; made < room; made++) {
      signal?.throwIfAborted();
      const chosen = likeliestNext(model, input, cache, made === 0 ? images : undefined);
      const index = read(chosen);
      free(chosen);
      const [next] = await index;
      yield next;
      if (stops.includes(next)) return;
      input = Int32Array.of(next);
    }
  } finally {
    signal?.removeEventListener('abort', cancel);
    freeCache(cache);
  }
}

/**
 * Feeds tokens, and chooses the likeliest next one from the scores of the last position.
 *
 * @returns `[1]` int32
 */
export function likeliestNext(model: Model, ids: Int32Array, cache: Cache, images?: PlacedImages): Tensor {
  return scope<Tensor>(() => {
    const hidden = decode(model, ids, cache, images);
    const last = embedding(hidden, tensor(model.device, Int32Array.of(ids.length - 1), [1])); // that row alone
    return argmax(logits(model, last));
  });
}
