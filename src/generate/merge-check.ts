import type { Device } from '../../tensor/device.ts';
import { free, read, tensor } from '../../tensor/tensor.ts';
import type { Residence } from '../architecture/weight-shapes.ts';
import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import { residence } from '../checkpoint/memory.ts';
import { imageRows } from '../model/placed-images.ts';
import { createCache, encodeImages, freeCache, freeModel } from '../model/qwen-vl.ts';
import { nextScores } from './generate.ts';
import { modelOn } from './model-on.ts';

/** Tokens before and after the picture. */
const WORDS = 12;

/**
 * Scores of the token that follows a picture of noise and some words: two checkpoints that are the same model differ in them by rounding
 * alone.
 *
 * @param memory how many bytes the weights may take
 * @returns `[V]`
 */
export async function scoresOfProbe(device: Device, checkpoint: Checkpoint, memory?: number): Promise<Float32Array> {
  const { config } = checkpoint;
  const { image_size: size, image_start_id: start, n_queries: rows } = config.visual;
  // Spread over the words of the vocabulary, which stand before the special tokens.
  const words = (seed: number) => Array.from({ length: WORDS }, (_, i) => ((i + seed) * 7919) % start);
  const ids = Int32Array.from([
    ...words(1),
    start,
    ...new Array<number>(rows).fill(start + 2),
    start + 1,
    ...words(50),
  ]);
  const pixels = Float32Array.from({ length: 3 * size * size }, (_, i) => Math.fround(2 * Math.sin(i * i)));
  const resident: Residence = residence(checkpoint, device.driver, memory);
  const model = modelOn(device, checkpoint, resident);
  const cache = createCache(model, ids.length);
  try {
    const uploaded = tensor(device, pixels, [3 * size, size], { label: 'noise' });
    const features = encodeImages(model, uploaded);
    const scores = nextScores(model, [ids], cache, { features, source: imageRows([ids], config) });
    const values = read(scores);
    for (const each of [uploaded, features, scores]) free(each);
    return Float32Array.from(await values);
  } finally {
    freeCache(cache);
    freeModel(model);
    await device.queue.idle();
  }
}
