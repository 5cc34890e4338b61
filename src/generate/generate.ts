import { argmax } from '../../kernels/argmax.ts';
import { gatherRows } from '../../kernels/gather-rows.ts';
import { type Caller, createCaller } from '../../tensor/caller.ts';
import type { HostData } from '../../tensor/device.ts';
import { scope } from '../../tensor/scope.ts';
import { free, read, type Tensor, tensor } from '../../tensor/tensor.ts';
import { ScoreError, TextError } from '../error.ts';
import type { PlacedImages } from '../model/placed-images.ts';
import { type Cache, createCache, decode, freeCache, logits, type Model } from '../model/qwen-vl.ts';
import type { Sampler } from './sample.ts';

/** Caches are rounded up to this many positions, so that prompts of similar lengths share compiled kernels. */
const CACHE_STEP = 128;

export interface GenerateOptions {
  readonly maxNewTokens: number;
  /** One for each prompt. */
  readonly samplers: readonly Sampler[];
  /** Asked after each token: whether the answer to that prompt ends with it. */
  readonly ends: (prompt: number, id: number) => boolean;
  /** In whose name it is done; its signal ends it. */
  readonly caller?: Caller;
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
 * @throws TextError when a prompt leaves no room for an answer; ScoreError at the first token whose scores are no numbers
 */
export async function* generate(
  model: Model,
  prompts: readonly Int32Array[],
  images: PlacedImages | undefined,
  { maxNewTokens, samplers, ends, caller = createCaller(model.device) }: GenerateOptions,
): AsyncGenerator<GeneratedToken, void, void> {
  const longest = model.config.max_position_embeddings;
  const rooms = prompts.map(({ length }) => {
    if (length < longest) return Math.min(maxNewTokens, longest - length);
    throw new TextError('prompt', `${length} tokens, expected fewer than ${longest}`, 'shorten it');
  });
  const capacities = prompts.map(({ length }, i) => Math.ceil((length + rooms[i]) / CACHE_STEP) * CACHE_STEP);
  const cache = caller.launch(() => createCache(model, ...capacities));
  try {
    let fed: readonly Int32Array[] = prompts;
    for (let made = 0; fed.some(({ length }) => length > 0); made++) {
      const active = [...prompts.keys()].filter((i) => fed[i].length > 0);
      const chosen = await next(model, {
        ...{ fed, cache, caller, token: made + 1 },
        images: made === 0 ? images : undefined,
        samplers: active.map((i) => samplers[i]),
      });
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

/** What is fed to make the next token of some sequences. */
interface Step {
  readonly fed: readonly Int32Array[];
  readonly cache: Cache;
  readonly images: PlacedImages | undefined;
  /** Of the sequences that get some. */
  readonly samplers: readonly Sampler[];
  readonly caller: Caller;
  /** Which one of the answer, from 1. */
  readonly token: number;
}

/**
 * Feeds tokens and chooses the next one of each sequence that got some.
 *
 * @throws ScoreError where a score is NaN or infinite
 */
async function next(model: Model, { fed, cache, images, samplers, caller, token }: Step): Promise<ArrayLike<number>> {
  const onDevice = samplers.every(({ likeliest }) => likeliest);
  const { data } = caller.launch(() => {
    const wanted = scope<Tensor>(() => {
      const scores = nextScores(model, fed, cache, images);
      return onDevice ? argmax(scores) : scores;
    });
    const result = { data: read(wanted) };
    free(wanted);
    return result;
  });
  const values = await data;
  if (onDevice) return likeliest(values, token);
  const V = model.config.vocab_size;
  return samplers.map((sampler, i) => sampler.choose(values.subarray(i * V, (i + 1) * V)));
}

/**
 * What `argmax` gave for scores.
 *
 * @param token which one of the answer, from 1
 * @throws ScoreError
 */
export function likeliest(chosen: HostData, token: number): HostData {
  if (chosen.includes(-1)) throw new ScoreError(token);
  return chosen;
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
    return logits(model, gatherRows(hidden, tensor(model.device, last, [last.length])));
  });
}
