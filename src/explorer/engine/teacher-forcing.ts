import { crossEntropy } from '../../../kernels/cross-entropy.ts';
import type { Caller } from '../../../tensor/caller.ts';
import { scope } from '../../../tensor/scope.ts';
import { read, type Tensor, tensor } from '../../../tensor/tensor.ts';
import { nextScores } from '../../generate/generate.ts';
import { imageRows, type PlacedImages } from '../../model/placed-images.ts';
import { createCache, decode, freeCache, logits, type Model } from '../../model/qwen-vl.ts';
import type { GoldenInputs } from '../../verify/golden.ts';

/** Features of pictures on their way to a device, at the places that prompts have for them; `[B·Q, C]`, none without a picture. */
export function placed(
  { device, config }: Model,
  prompts: readonly Int32Array[],
  features: Float32Array,
): PlacedImages | undefined {
  if (features.length === 0) return undefined;
  const { output_dim: C } = config.visual;
  return {
    features: tensor(device, features, [features.length / C, C], { label: 'picture features' }),
    source: imageRows(prompts, config),
  };
}

/**
 * The log-probability of every token of an answer after those before it. The answer is given, not chosen: what changes is how likely the
 * model finds it. As in an answer the prompt is fed at once, for dynamic NTK is chosen by its length, and the rest goes over the cache.
 *
 * @param inputs the prompt, and the answer, at least a token
 * @param features `[S·B·Q, C]` of the pictures of S copies of the prompt, which may have seen different ones
 * @param sequences S
 * @returns `[S, n]` in nats, never above 0
 */
export async function logProbabilities(
  model: Model,
  { ids, tokens }: Pick<GoldenInputs, 'ids' | 'tokens'>,
  features: Float32Array,
  caller: Caller,
  sequences = 1,
): Promise<Float32Array> {
  const n = tokens.length;
  const copies = (part: Int32Array) => Array.from({ length: sequences }, () => part);
  const surprise = (scores: Tensor, labels: Int32Array): Promise<ArrayLike<number>> => {
    const all = Int32Array.from(copies(labels).flatMap((each) => [...each]));
    return read(crossEntropy(scores, tensor(model.device, all, [all.length])));
  };
  const { first, others } = caller.launch(() => {
    const cache = createCache(model, ...copies(ids).map(() => ids.length + n));
    try {
      return scope(() => {
        const prompts = copies(ids);
        const first = surprise(
          nextScores(model, prompts, cache, placed(model, prompts, features)),
          tokens.subarray(0, 1),
        );
        if (n === 1) return { first, others: undefined };
        const scores = logits(model, decode(model, copies(tokens.subarray(0, n - 1)), cache));
        return { first, others: surprise(scores, tokens.subarray(1)) };
      });
    } finally {
      freeCache(cache);
    }
  });
  const [head, tail] = [await first, await others];
  return Float32Array.from({ length: sequences * n }, (_, at) => {
    const [sequence, token] = [Math.floor(at / n), at % n];
    return -(token === 0 ? head[sequence] : tail![sequence * (n - 1) + token - 1]);
  });
}
