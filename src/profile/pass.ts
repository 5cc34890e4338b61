import { argmax } from '../../kernels/argmax.ts';
import { finished } from '../../tensor/device.ts';
import { scope } from '../../tensor/scope.ts';
import { withListener } from '../../tensor/tap.ts';
import { free, read, type Tensor, tensor } from '../../tensor/tensor.ts';
import { likeliest, nextScores } from '../generate/generate.ts';
import { adaptFeatures, createCache, encodePatches, freeCache, type Model } from '../model/qwen-vl.ts';
import { DECODE, IMAGE } from './record.ts';
import type { Watch } from './watch.ts';

/** A prompt that is fed to a model over and over. */
export interface Workload {
  /** The pictures, decoded, resized and normalised: `[B·3·S, S]`. */
  pixels(): Promise<Float32Array>;
  /** B; without any, a pass begins with the prefill. */
  readonly images: number;
  readonly ids: Int32Array;
  /** For each position the row of the image features that replaces its embedding, or −1. */
  readonly source: Int32Array;
  /** How many tokens are made: the first by the prefill, each other by a step of its own. */
  readonly tokens: number;
}

/** One forward pass and the steps behind it, part by part: what `generate` does with a greedy sampler. @returns the tokens */
export async function forwardPass(model: Model, work: Workload, watch: Watch): Promise<number[]> {
  const { device, config } = model;
  const launch = (work: () => Tensor): Tensor => {
    const scoped = () => scope<Tensor>(work);
    return watch.kind === 'stepwise' ? withListener(watch.hear, scoped) : scoped();
  };
  let features: Tensor | undefined;
  if (work.images > 0) {
    const size = config.visual.image_size;
    watch.enter(IMAGE);
    const pixels = tensor(device, await work.pixels(), [work.images * 3 * size, size], { label: 'pixels' });
    await finished(device);
    watch.enter('vision encoder');
    const patches = launch(() => encodePatches(model, pixels));
    free(pixels);
    await finished(device);
    watch.enter('adapter');
    features = launch(() => adaptFeatures(model, patches));
    free(patches);
    await finished(device);
  }
  watch.enter('prefill');
  const cache = createCache(model, work.ids.length + work.tokens);
  const made: number[] = [];
  try {
    let fed = work.ids;
    while (made.length < work.tokens) {
      if (made.length > 0) watch.enter(DECODE);
      const images = made.length === 0 && features ? { features, source: work.source } : undefined;
      const chosen = launch(() => argmax(nextScores(model, [fed], cache, images)));
      const id = read(chosen);
      free(chosen);
      fed = Int32Array.from(likeliest(await id, made.length + 1));
      made.push(fed[0]);
    }
  } finally {
    if (features) free(features);
    freeCache(cache);
  }
  await finished(device);
  return made;
}
