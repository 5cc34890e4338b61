import type { Caller } from '../../tensor/caller.ts';
import { finished } from '../../tensor/device.ts';
import { keep, scope } from '../../tensor/scope.ts';
import { free, freeAll, read, type Tensor, tensor } from '../../tensor/tensor.ts';
import type { Picture } from '../input/picture/picture.ts';
import { pixels } from '../input/picture/resize.ts';
import { joinImages } from '../model/placed-images.ts';
import { adaptFeatures, encodePatches, type Model } from '../model/qwen-vl.ts';

/**
 * What a model saw in the pictures it was last shown, so that a conversation does not look at them again every turn. Several
 * callers may look at once: a picture that one is looking at is waited for by the others, and what anybody needs is not forgotten.
 */
export interface Sight {
  /**
   * @param caller in whose name it is done
   * @param onPart told when `vision encoder` and `adapter` begin, if there is a picture that was not seen and is not being looked at
   * @returns `[B·Q, C]`, the caller's to free
   */
  look(pictures: readonly Picture[], caller: Caller, onPart: (name: string) => void): Promise<Tensor>;
  /** Forgets everything, now or when the last answer that needs it has ended, and remembers nothing from now on. */
  free(): void;
}

/** @param most how many pictures are remembered: in the published model one takes 4 MB */
export function createSight(model: Model, most = 16): Sight {
  const { device, config } = model;
  const { image_size: size } = config.visual;
  /** From the picture that was shown longest ago to the last. */
  const seen = new Map<Picture, Tensor>();
  /** Pictures that an answer is looking at; fulfilled when that has ended, well or not. */
  const looking = new Map<Picture, Promise<void>>();
  /** How many callers need a picture to be remembered until they have their features. */
  const needed = new Map<Picture, number>();
  let closed = false;

  const encode = (picture: Picture): Tensor =>
    scope<Tensor>(() =>
      encodePatches(model, tensor(device, pixels(picture, size), [3 * size, size], { label: 'pixels' })),
    );

  /** The features of pictures that were not seen yet. */
  async function see(
    pictures: readonly Picture[],
    caller: Caller,
    onPart: (name: string) => void,
  ): Promise<readonly Tensor[]> {
    onPart('vision encoder');
    const encoded = caller.launch(() => keep(scope<Tensor[]>(() => pictures.map(encode))));
    let features: readonly Tensor[];
    try {
      await caller.launch(() => ({ done: finished(device) })).done; // only so that the two parts can be told apart
      onPart('adapter');
      const adapt = (patches: Tensor) => adaptFeatures(model, patches);
      features = caller.launch(() => keep(scope<Tensor[]>(() => encoded.map(adapt))));
    } finally {
      freeAll(device, encoded);
    }
    try {
      await Promise.all(caller.launch(() => features.map((each) => ({ read: read(each) }))).map(({ read }) => read));
      return features; // a look that failed or was given up must not be remembered
    } catch (error) {
      freeAll(device, features);
      throw error;
    }
  }

  /** The same; the others wait for it meanwhile, and look themselves if it comes to nothing. */
  async function remember(pictures: readonly Picture[], caller: Caller, onPart: (name: string) => void) {
    let ended = (): void => undefined;
    const end = new Promise<void>((resolve) => {
      ended = resolve;
    });
    for (const picture of pictures) looking.set(picture, end);
    try {
      const features = await see(pictures, caller, onPart);
      for (const [i, picture] of pictures.entries()) seen.set(picture, features[i]);
    } finally {
      for (const picture of pictures) looking.delete(picture);
      ended();
    }
  }

  /** Frees what there is no room for, from what was shown longest ago on. */
  function forget(except?: ReadonlySet<Picture>): void {
    for (const [picture, features] of seen) {
      if (!closed && seen.size <= most) return;
      if (needed.has(picture) || (!closed && except?.has(picture))) continue;
      free(features);
      seen.delete(picture);
    }
  }

  function need(picture: Picture, more: 1 | -1): void {
    const callers = (needed.get(picture) ?? 0) + more;
    if (callers > 0) needed.set(picture, callers);
    else needed.delete(picture);
  }

  /** The features of pictures that have been seen, one below the other. */
  function gather(pictures: readonly Picture[]): Tensor {
    return joinImages(
      pictures.map((picture) => {
        const features = seen.get(picture)!;
        seen.delete(picture);
        seen.set(picture, features);
        return features;
      }),
    );
  }

  return {
    async look(pictures, caller, onPart) {
      const wanted = new Set(pictures);
      for (const picture of wanted) need(picture, 1);
      try {
        for (;;) {
          const missing = [...wanted].filter((picture) => !seen.has(picture));
          if (missing.length === 0) break;
          const unseen = missing.filter((picture) => !looking.has(picture));
          if (unseen.length > 0) await remember(unseen, caller, onPart);
          else await caller.wait(looking.get(missing[0])!);
        }
        return caller.launch(() => keep(scope<Tensor>(() => gather(pictures))));
      } finally {
        for (const picture of wanted) need(picture, -1);
        forget(wanted);
      }
    },
    free() {
      closed = true;
      forget();
    },
  };
}
