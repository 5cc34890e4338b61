import { foldRows, sum } from '../../kernels/add.ts';
import { crossEntropy } from '../../kernels/cross-entropy.ts';
import { gatherRows } from '../../kernels/gather-rows.ts';
import { linear } from '../../kernels/linear.ts';
import { divide } from '../../kernels/scale.ts';
import { keep, scope } from '../../tensor/scope.ts';
import { block } from '../../tensor/tap.ts';
import { type Tensor, tensor } from '../../tensor/tensor.ts';
import { InputError } from '../error.ts';
import { encodePatches, type Model } from '../model/qwen-vl.ts';
import { inPass, pixelsOn } from './in-pass.ts';
import { normals } from './noise.ts';

/** What each patch of some pictures shows: what an encoder learns to name before there are words. */
export interface ProbeBatch {
  /** `[images · 3 · S, S]`, normalised. */
  readonly pixels: Float32Array;
  readonly images: number;
  /** Of each patch, `[images · L]`: what covers it, 0 for the ground. */
  readonly things: Int32Array;
  /** Of each patch, `[images · L, 4]`: the box of what covers it, left, top, right, bottom, from 0 to 1; any numbers for the ground. */
  readonly boxes: Float32Array;
}

/** A linear layer on the patches that the encoder gives; it is thrown away when the encoder is trained. */
export interface Probe {
  /** Things that it tells apart, the ground among them. */
  readonly things: number;
  /** `[things + 4 · PLACES, D]` */
  readonly weight: Tensor;
  readonly bias: Tensor;
}

/** Into how many stretches an edge's place is told apart, as words of a box are (Chen et al. 2021, "Pix2seq", arXiv 2109.10852). */
const PLACES = 32;
const INITIAL_DEVIATION = 0.02;

/** The shapes of a probe's weights by the names that they have in a state. */
export const probeShapes = (things: number, width: number): ReadonlyMap<string, readonly number[]> =>
  new Map([
    ['probe.weight', [things + 4 * PLACES, width]],
    ['probe.bias', [things + 4 * PLACES]],
  ]);

/**
 * A probe on a model's device.
 *
 * @param stored its weights by name, row-major; what is not there is random by the seed
 */
export function createProbe(
  { device, config }: Model,
  things: number,
  seed: number,
  stored: (name: string) => Float32Array | undefined = () => undefined,
): Probe {
  const [weight, bias] = [...probeShapes(things, config.visual.width)].map(([label, shape]) => {
    const count = shape.reduce((a, b) => a * b, 1);
    const drawn = () =>
      shape.length > 1
        ? Float32Array.from(normals(`${seed} ${label}`, count), (x) => x * INITIAL_DEVIATION)
        : new Float32Array(count);
    return keep(tensor(device, stored(label) ?? drawn(), shape, { label }));
  });
  return { things, weight, bias };
}

/**
 * The loss of an encoder with its probe.
 *
 * @param hear told of each patch's part of what it shows, `[images · L, 1]`
 * @returns `[1, 1]`
 * @throws InputError where nothing is shown, or what the probe does not know
 */
export function probeLoss(model: Model, probe: Probe, batch: ProbeBatch, hear: (parts: Tensor) => void): Tensor {
  requireShown(probe, batch);
  return scope<Tensor>(() => patchLoss(encodePatches(inPass(model), pixelsOn(model, batch)), probe, batch, hear));
}

/** @throws InputError where nothing is shown, or what the probe does not know */
export function requireShown({ things }: Probe, batch: ProbeBatch): void {
  if (!batch.things.some((thing) => thing > 0))
    throw new InputError('batch', 'no patch shows anything', 'give pictures of things');
  const stranger = batch.things.find((thing) => thing < 0 || thing >= things);
  if (stranger !== undefined)
    throw new InputError('batch', `thing ${stranger} of ${things}`, 'use the same things throughout');
}

/**
 * What each patch shows, and the mean over the four edges of its box, over the patches that show something. Of what they show the mean over
 * those that show something and that over the ground count for half each: five patches in six are ground, which is soon told apart.
 *
 * @param patches `[B·L, D]` as the encoder gives them
 * @param hear told of each patch's part of the first, `[images · L, 1]`
 * @returns `[1, 1]`
 */
export function patchLoss(
  patches: Tensor,
  { things, weight, bias }: Probe,
  batch: ProbeBatch,
  hear: (parts: Tensor) => void,
): Tensor {
  const { device } = patches;
  const patchesThat = (hold: (thing: number) => boolean) =>
    Int32Array.from([...batch.things.keys()].filter((patch) => hold(batch.things[patch])));
  const shown = patchesThat((thing) => thing > 0);
  const parts = [shown, patchesThat((thing) => thing === 0)].filter(({ length }) => length > 0);
  return block('probe', { weight, bias }, (w) => {
    const named = linear(patches, w.weight, w.bias, { start: 0, count: things });
    const surprise = crossEntropy(named, tensor(device, batch.things, [batch.things.length]));
    hear(surprise);
    const what = meanOfMeans(surprise, parts);
    const covered = gatherRows(patches, tensor(device, shown, [shown.length]));
    const where = [0, 1, 2, 3].map((edge) => {
      const scores = linear(covered, w.weight, w.bias, { start: things + edge * PLACES, count: PLACES });
      const places = shown.map((patch) => placeOf(batch.boxes[4 * patch + edge]));
      return foldRows(crossEntropy(scores, tensor(device, places, [places.length])), 1);
    });
    return sum(what, divide(where.reduce(sum), 4 * shown.length));
  });
}

/** The mean, over groups of rows of a column, of the mean of each. `[1, 1]` */
export const meanOfMeans = (column: Tensor, groups: readonly Int32Array[]): Tensor =>
  groups
    .map((rows) => {
      const own = gatherRows(column, tensor(column.device, rows, [rows.length]));
      return divide(foldRows(own, 1), groups.length * rows.length);
    })
    .reduce(sum);

const placeOf = (edge: number): number => Math.min(PLACES - 1, Math.max(0, Math.floor(edge * PLACES)));
