import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { nextScores } from '../../src/generate/generate.ts';
import { imageRows, joinImages, type PlacedImages } from '../../src/model/placed-images.ts';
import {
  adaptFeatures,
  createCache,
  encodePatches,
  freeCache,
  freeModel,
  loadModel,
  type Model,
} from '../../src/model/qwen-vl.ts';
import { openDevice } from '../../src/open-device.ts';
import type { GoldenInputs, GoldenTap } from '../../src/verify/golden.ts';
import { judge } from '../../src/verify/tolerances.ts';
import { closeDevice, type Device } from '../../tensor/device.ts';
import { scope } from '../../tensor/scope.ts';
import { read, tensor } from '../../tensor/tensor.ts';
import { CASES, type OpenedCase, openCase } from './cases.ts';

/** A trained checkpoint's prompts, of which the first and the last have pictures of different numbers. */
const TRAINED = CASES.filter((each) => each.kind === 'trained' && each.of === 'picture-book');

/** What the original computes for a whole prompt, however the prompt gets into the cache; with weights in bfloat16, as the published model has them. */
describe('the scores after a prompt, on simd', () => {
  let device: Device;
  let cases: OpenedCase[];
  let model: Model;
  beforeAll(async () => {
    device = (await openDevice('simd', 2)).device;
    cases = await Promise.all(TRAINED.map(openCase));
    const { checkpoint } = cases[0];
    model = loadModel(device, checkpoint.config, (name) => checkpoint.load(name, device.driver.bfloat16));
  });
  afterAll(async () => {
    freeModel(model);
    await device.queue.idle();
    expect(device.live.size).toBe(0);
    await closeDevice(device);
    for (const { close } of cases) await close();
  });

  const inputsOf = ({ golden }: OpenedCase) => golden.inputs;

  function placed(inputs: readonly GoldenInputs[]): PlacedImages {
    const features = inputs.flatMap(({ pixels, images, size }) =>
      Array.from({ length: images }, (_, i) => {
        const picture = pixels.subarray(i * 3 * size * size, (i + 1) * 3 * size * size);
        return adaptFeatures(model, encodePatches(model, tensor(device, picture, [3 * size, size])));
      }),
    );
    const source = imageRows(
      inputs.map(({ ids }) => ids),
      model.config,
    );
    return { features: joinImages(features), source };
  }

  /** Feeds prompts at once, their last so many tokens one by one after the rest. */
  async function scores(inputs: readonly GoldenInputs[], steps: number): Promise<Float32Array> {
    const ids = inputs.map((each) => each.ids);
    const cache = createCache(model, ...ids.map(({ length }, i) => length + i));
    const reading = scope(() => {
      const images = placed(inputs);
      const begins = ids.map((prompt) => prompt.subarray(0, prompt.length - steps));
      // The positions that come later hold text alone.
      const source = Int32Array.from(
        begins.flatMap(({ length }, i) => {
          const first = ids.slice(0, i).reduce((sum, prompt) => sum + prompt.length, 0);
          return [...images.source.subarray(first, first + length)];
        }),
      );
      let last = nextScores(model, begins, cache, { ...images, source });
      for (let step = -steps; step < 0; step++) {
        last = nextScores(
          model,
          ids.map((prompt) => prompt.slice(prompt.length + step, prompt.length + step + 1)),
          cache,
        );
      }
      return { data: read(last) };
    });
    freeCache(cache);
    return Float32Array.from(await reading.data);
  }

  async function check(wanted: readonly OpenedCase[], steps: number): Promise<void> {
    const found = await scores(wanted.map(inputsOf), steps);
    const V = model.config.vocab_size;
    for (const [i, { golden }] of wanted.entries()) {
      const logits = golden.taps.get('logits')!;
      const measured = async (tap: GoldenTap, ours: Float32Array) => ({
        name: 'logits',
        shape: tap.shape,
        operations: [],
        place: '',
        ...(await tap.measure(ours)),
      });
      // PyTorch's own, of all tokens: what the scores of one are judged by.
      const theirs = await measured(logits, await logits.values!());
      const ours = await measured(logits.lastRow!, found.slice(i * V, (i + 1) * V));
      expect(judge([theirs, ours], 'simd', 'trained'), golden.name).toEqual([]);
      expect(ours.scores!.flipCount).toBe(0);
      // All rows together are as noisy as their mean.
      expect(theirs.exact!.worstRow).toBeGreaterThanOrEqual(theirs.exact!.pytorch);
      expect(ours.exact!.worstRow).toBe(theirs.exact!.worstRow);
    }
  }

  test.each(TRAINED.map(({ name }, i) => [name, i] as const))('%s, its last three tokens one by one', (_, i) =>
    check([cases[i]], 3));
  test('all prompts in one batch', () => check(cases, 0));
  test('all prompts in one batch, the last tokens step by step', () => check([...cases].reverse(), 2));
});
