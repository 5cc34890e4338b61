import { append } from '../../kernels/append.ts';
import { zeros } from '../../kernels/zeros.ts';
import { scope } from '../../tensor/scope.ts';
import { type Tensor, tensor } from '../../tensor/tensor.ts';
import type { Config } from '../architecture/config.ts';

/** Image features and where they go: `source[i]` is the row of `features` that replaces token i's embedding, or −1. */
export interface PlacedImages {
  readonly features: Tensor;
  readonly source: Int32Array;
}

/**
 * The features of several images in one tensor, one below the other, as `imageRows` counts them.
 *
 * @param features `[Q, C]` each, at least one
 * @returns `[B·Q, C]`
 */
export function joinImages(features: readonly Tensor[]): Tensor {
  const [{ device, shape }] = features;
  const [Q, C] = shape;
  return scope<Tensor>(() =>
    features.reduce<Tensor>(
      (joined, image, i) => append(joined, image, tensor(device, Int32Array.of(i * Q, 0, Q), [1, 3])),
      zeros(device, [features.length * Q, C]),
    ),
  );
}

/**
 * Which image row replaces each position of the prompts, which stand one below the other: of the Q positions after each `<img>`
 * the image's rows, in order, counted through all prompts; −1 elsewhere.
 */
export function imageRows(
  prompts: readonly Int32Array[],
  { visual: { image_start_id, n_queries } }: Config,
): Int32Array {
  const source = new Int32Array(prompts.reduce((sum, { length }) => sum + length, 0)).fill(-1);
  let [row, first] = [0, 0];
  for (const ids of prompts) {
    for (let at = ids.indexOf(image_start_id); at >= 0; at = ids.indexOf(image_start_id, at + n_queries + 1)) {
      for (let i = 1; i <= n_queries && at + i < ids.length; i++) source[first + at + i] = row++;
    }
    first += ids.length;
  }
  return source;
}
