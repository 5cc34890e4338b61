/** What a training pass begins with: everything that a weight has a part in is computed in the pass itself. */
import { type Tensor, tensor } from '../../tensor/tensor.ts';
import { type Model, positionTables } from '../model/qwen-vl.ts';

/** The model with position tables that are a part of the pass: they are trained, too. */
export const inPass = (model: Model): Model => ({ ...model, positions: positionTables(model.weights, model.config) });

/** Pictures on the device, `[images · 3 · S, S]`. */
export function pixelsOn(
  { device, config }: Model,
  { pixels, images }: { readonly pixels: Float32Array; readonly images: number },
): Tensor {
  const { image_size: size } = config.visual;
  return tensor(device, pixels, [images * 3 * size, size], { label: 'pixels' });
}
