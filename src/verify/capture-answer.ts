import { scope } from '../../tensor/scope.ts';
import { type Listener, withListener } from '../../tensor/tap.ts';
import { type Tensor, tensor } from '../../tensor/tensor.ts';
import { nextScores } from '../generate/generate.ts';
import { imageRows, joinImages } from '../model/placed-images.ts';
import { adaptFeatures, createCache, encodePatches, freeCache, type Model } from '../model/qwen-vl.ts';
import type { Take } from './capture.ts';
import type { GoldenInputs } from './golden.ts';

/** What must not be heard, so that attention is the one operation that it is in an answer. */
export const WITHIN_ATTENTION = /\.attn\.(scores|probs|attn_dropout|values)$/;

/**
 * Runs a prompt and its decoding steps as an answer does: each picture by itself, attention in one operation, scores of the
 * last row alone. Everything is queued when it returns.
 *
 * @param take hears each picture's activations by themselves, and of the scores after the prompt the last row
 */
export function captureAnswer(
  model: Model,
  { ids, pixels, images, size, tokens }: GoldenInputs,
  take: Take,
  plant?: Listener,
): void {
  const listener: Listener = (name, activation) => {
    const planted = plant?.(name, activation);
    take(name, planted ?? activation);
    return planted;
  };
  const heard = (name: string) => !WITHIN_ATTENTION.test(name);
  const listening = (work: () => Tensor) => withListener<Tensor>(listener, work, heard);
  const area = 3 * size * size;
  const cache = createCache(model, ids.length + tokens.length);
  try {
    scope<void>(() => {
      const seen = Array.from({ length: images }, (_, i): Tensor => {
        const picture = pixels.subarray(i * area, (i + 1) * area);
        return listening(() =>
          adaptFeatures(model, encodePatches(model, tensor(model.device, picture, [3 * size, size]))),
        );
      });
      const placed = images > 0 ? { features: joinImages(seen), source: imageRows([ids], model.config) } : undefined;
      take(
        'logits',
        listening(() => nextScores(model, [ids], cache, placed)),
      );
    });
    for (const [step, token] of tokens.entries()) {
      scope<void>(() => {
        const scores = listening(() => nextScores(model, [Int32Array.of(token)], cache));
        take(`decode.${step}.logits`, scores);
      });
    }
  } finally {
    freeCache(cache);
  }
}
