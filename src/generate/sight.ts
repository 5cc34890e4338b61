import { append } from '../../kernels/append.ts';
import { keep, scope } from '../../tensor/scope.ts';
import { free, read, type Tensor, tensor } from '../../tensor/tensor.ts';
import type { Picture } from '../input/image.ts';
import { pixels } from '../input/resize.ts';
import { adaptFeatures, encodePatches, type Model } from '../model/qwen-vl.ts';

/** What a model saw in the pictures it was last shown, so that a conversation does not look at them again every turn. */
export interface Sight {
  /**
   * @param onStage told when `vision encoder` and `adapter` begin, if there is a picture that was not seen yet
   * @returns `[B·Q, C]`, the caller's to free
   */
  look(pictures: readonly Picture[], onStage: (name: string) => void): Promise<Tensor>;
  /** Forgets everything. */
  free(): void;
}

/** @param most how many pictures are remembered: in the published model one takes 4 MB */
export function createSight(model: Model, most = 16): Sight {
  const { device, config } = model;
  const { image_size: size, n_queries: rows } = config.visual;
  /** From the picture that was shown longest ago to the last. */
  const seen = new Map<Picture, Tensor>();

  const encode = (picture: Picture): Tensor =>
    scope<Tensor>(() =>
      encodePatches(model, tensor(device, pixels(picture, size), [3 * size, size], { label: 'pixels' })),
    );

  async function see(pictures: readonly Picture[], onStage: (name: string) => void): Promise<void> {
    if (pictures.length === 0) return;
    onStage('vision encoder');
    const encoded = pictures.map(encode);
    await device.queue.idle(); // only so that the two stages can be told apart
    onStage('adapter');
    const features = encoded.map((patches) => keep(adaptFeatures(model, patches)));
    for (const patches of encoded) free(patches);
    try {
      await Promise.all(features.map(read)); // a look that failed or was given up must not be remembered
    } catch (error) {
      for (const failed of features) free(failed);
      throw error;
    }
    for (const [i, picture] of pictures.entries()) seen.set(picture, features[i]);
  }

  function forget(wanted: ReadonlySet<Picture>): void {
    for (const [picture, features] of seen) {
      if (seen.size <= most) return;
      if (wanted.has(picture)) continue;
      free(features);
      seen.delete(picture);
    }
  }

  return {
    async look(pictures, onStage) {
      const wanted = new Set(pictures);
      await see(
        [...wanted].filter((picture) => !seen.has(picture)),
        onStage,
      );
      return scope<Tensor>(() => {
        const shape = [pictures.length * rows, config.visual.output_dim];
        let together = tensor(device, () => new Float32Array(shape[0] * shape[1]), shape, { label: 'image features' });
        for (const [i, picture] of pictures.entries()) {
          const features = seen.get(picture)!;
          seen.delete(picture);
          seen.set(picture, features);
          together = append(together, features, tensor(device, Int32Array.of(i * rows, 0, rows), [1, 3]));
        }
        forget(wanted);
        return together;
      });
    },
    free() {
      for (const features of seen.values()) free(features);
      seen.clear();
    },
  };
}
