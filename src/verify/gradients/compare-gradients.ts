import { sum } from '../../../kernels/add.ts';
import { differentiate } from '../../../tensor/gradient.ts';
import { type Listener, withListener } from '../../../tensor/tap.ts';
import { free, read, type Tensor, tensor } from '../../../tensor/tensor.ts';
import { CheckpointError } from '../../error.ts';
import type { Model } from '../../model/qwen-vl.ts';
import { quoteSome } from '../../quote.ts';
import { requireBatch } from '../../train/batch.ts';
import { STAGES } from '../../train/groups.ts';
import { batchLoss } from '../../train/loss.ts';
import type { Mode, TapMeasurement } from '../compare.ts';
import { describeElement } from '../coordinates.ts';
import { type History, watchingHistory } from '../history.ts';
import { measure } from '../metrics.ts';
import type { GradientGolden } from './gradient-golden.ts';

/** What a gradient is called among taps, by what it is the gradient of: an activation or a weight. */
export const gradientOf = (name: string): string => `${name}.grad`;

/** The mean loss of the batch among taps: it comes before every gradient. */
export const LOSS = 'loss';

export interface CompareGradientsOptions {
  /**
   * `free`: back from our own loss. `forced`: every block begins with the original's gradient of its output, so that a gradient shows the
   * error of its own block alone. `fused`: as in training, where nobody hears the gradients of activations.
   */
  readonly mode?: Mode;
  /** Which taps to compare; all by default. */
  readonly wanted?: (tap: string) => boolean;
  /** See `differentiate`. */
  readonly recompute?: boolean;
  /** Faults to plant: what takes the place of a gradient, or of an activation on the way there, before anyone sees it. */
  readonly plant?: { readonly gradients?: Listener; readonly activations?: Listener };
  /** Told as taps are measured. */
  readonly onProgress?: (done: number, total: number) => void;
}

/**
 * Computes the loss of a golden's batch and goes back through it, and measures the loss and every gradient that the golden names, in the
 * order in which they come about: from the loss to the pixels.
 *
 * @throws InputError for a batch that does not fit the model; CheckpointError when the golden names a gradient that the model does not have
 */
export async function compareGradients(
  model: Model,
  golden: GradientGolden,
  { mode = 'free', wanted = () => true, recompute, plant, onProgress }: CompareGradientsOptions = {},
): Promise<TapMeasurement[]> {
  requireBatch(golden.batch, model.config);
  const replacements = await outputsOfBlocks(mode === 'forced' ? golden.taps : new Map());
  const expected = [...golden.taps.keys()].filter((name) => mode !== 'fused' || Object.hasOwn(model.weights, name));
  const left = new Set(expected.filter((name) => wanted(gradientOf(name))));
  const total = left.size;
  const measuring: Promise<TapMeasurement>[] = [];
  let done = 0;

  function take(name: string, gradient: Tensor, history: History): void {
    if (!left.delete(name)) return;
    const operations = backward(history, gradient);
    const tap = golden.taps.get(name)!;
    const measured = read(gradient).then(async (data): Promise<TapMeasurement> => {
      const { exact, ...measured } = await tap.measure(data as Float32Array);
      const terms = { config: model.config, ids: new Int32Array() };
      const place = describeElement(name, tap.shape, measured.metrics.worst.index, terms);
      onProgress?.(++done, total);
      // A float64 twin stands for a way back in float64 too: where float32's gradients are forced there is nothing to compare with it.
      const twin = exact && mode !== 'forced' ? { exact } : {};
      return { name: gradientOf(name), shape: tap.shape, operations, place, ...measured, ...twin };
    });
    measured.catch(() => undefined); // the first failure is thrown below
    measuring.push(measured);
  }

  watchingHistory(model, (history) => {
    const hear: Listener = (name, gradient) => {
      const planted = plant?.gradients?.(name, gradient);
      take(name, planted ?? gradient, history);
      const values = replacements.get(name);
      return values ? tensor(model.device, values, gradient.shape, { label: `golden ${name}` }) : planted;
    };
    const work = () => batchLoss(model, golden.batch);
    const loss = differentiate(() => (plant?.activations ? withListener(plant.activations, work) : work()), {
      // Freezing changes no gradient. The script's last stage trains the table of positions too.
      trains: (name) => STAGES['stage-2'](name) || golden.taps.has(name),
      take: (name, gradient) => take(name, gradient, history),
      sum,
      recompute,
      hear: mode === 'fused' ? undefined : hear,
    });
    if (wanted(LOSS)) measuring.unshift(read(loss).then(([value]) => lossTap(value, golden)));
    free(loss);
  });
  const results = await Promise.all(measuring);
  if (left.size === 0) return results;
  const found = `no activation or trained weight of the model is called ${quoteSome([...left])}`;
  throw new CheckpointError(golden.name, found, 'compare a golden of this model');
}

/** The golden gradients of what the block before receives: a block's own output, or what stands between blocks. */
async function outputsOfBlocks(taps: GradientGolden['taps']): Promise<ReadonlyMap<string, Float32Array>> {
  const values = new Map<string, Float32Array>();
  for (const [name, tap] of taps) if (ENDS_BLOCK.test(name) && tap.values) values.set(name, await tap.values());
  return values;
}

const ENDS_BLOCK =
  /^transformer\.(visual\.transformer\.resblocks\.\d+|visual\.attn_pool|visual|visual\.ln_pre|h\.\d+|ln_f|spliced)$/;

/** Whether every block can begin with the original's gradient: of samples none can, and the run would be a free one judged as if it were not. */
export function canForce({ taps }: GradientGolden): boolean {
  const ends = [...taps].filter(([name]) => ENDS_BLOCK.test(name));
  return ends.length > 0 && ends.every(([, { values }]) => values);
}

/** What ran on the way back to make a gradient out of those before: what runs again for it is no part of that. */
export const backward = (history: History, gradient: Tensor): string[] =>
  history.since(gradient).flatMap(({ op, launch }) => (launch && /(^|\.)grad$/.test(launch.path) ? [op] : []));

function lossTap(value: number, { loss }: GradientGolden): TapMeasurement {
  const metrics = measure([value], [loss.pytorch]);
  return { name: LOSS, shape: [1], operations: ['crossEntropy'], place: 'its value', nmse: metrics.nmse, metrics };
}
