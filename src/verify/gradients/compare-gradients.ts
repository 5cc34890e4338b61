import { sum } from '../../../kernels/add.ts';
import { differentiate } from '../../../tensor/gradient.ts';
import { free, read, type Tensor, tensor } from '../../../tensor/tensor.ts';
import type { Model } from '../../model/qwen-vl.ts';
import { requireBatch } from '../../train/batch.ts';
import { STAGES } from '../../train/groups.ts';
import { batchLoss } from '../../train/loss.ts';
import type { TapMeasure } from '../golden.ts';
import type { GradientGolden } from './gradient-golden.ts';

/** One gradient, measured. */
export interface GradientMeasurement extends TapMeasure {
  /** What it is the gradient of: an activation or a weight. */
  readonly name: string;
  readonly shape: readonly number[];
}

export interface CompareGradientsOptions {
  /** Whether every block begins with the original's gradient of its output, so that a gradient shows the error of its own block alone. */
  readonly forced?: boolean;
  /** A fault to plant: puts something else in the place of a gradient before anyone sees it. */
  readonly plant?: (name: string, gradient: Tensor) => Tensor | undefined;
}

/**
 * Computes the loss of a golden's batch and goes back through it, and measures every gradient that the golden names, in the order in
 * which they come about: from the scores to the pixels.
 */
export async function compareGradients(
  model: Model,
  golden: GradientGolden,
  { forced = false, plant }: CompareGradientsOptions = {},
): Promise<{ loss: number; gradients: GradientMeasurement[] }> {
  requireBatch(golden.batch, model.config);
  const replacements = new Map<string, Float32Array>();
  if (forced) {
    for (const [name, tap] of golden.taps)
      if (endsBlock(name) && tap.values) replacements.set(name, await tap.values());
  }
  const heard = new Set<string>();
  const measuring: Promise<GradientMeasurement>[] = [];
  function take(name: string, gradient: Tensor): void {
    const tap = golden.taps.get(name);
    if (!tap || heard.has(name)) return;
    heard.add(name);
    const measured = read(gradient).then(async (data) => ({
      name,
      shape: tap.shape,
      ...(await tap.measure(data as Float32Array)),
    }));
    measured.catch(() => undefined); // the first failure is thrown below
    measuring.push(measured);
  }
  const loss = differentiate(() => batchLoss(model, golden.batch), {
    trains: STAGES['stage-2'],
    take,
    sum,
    hear(name, gradient) {
      const planted = plant?.(name, gradient);
      take(name, planted ?? gradient);
      const values = replacements.get(name);
      return values ? tensor(model.device, values, gradient.shape, { label: `golden ${name}` }) : planted;
    },
  });
  const result = read(loss);
  free(loss);
  return { loss: (await result)[0], gradients: await Promise.all(measuring) };
}

/** What the block before receives: a block's own output, or what stands between blocks. */
const endsBlock = (name: string): boolean =>
  /^transformer\.(visual\.transformer\.resblocks\.\d+|visual\.attn_pool|visual|visual\.ln_pre|h\.\d+|ln_f|spliced)$/.test(
    name,
  );
