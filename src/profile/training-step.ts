import { sum } from '../../kernels/add.ts';
import { finished } from '../../tensor/device.ts';
import { type GradientOptions, recordLoss } from '../../tensor/gradient.ts';
import { keep } from '../../tensor/scope.ts';
import { withListener } from '../../tensor/tap.ts';
import { free, freeAll, type Tensor } from '../../tensor/tensor.ts';
import type { Model } from '../model/qwen-vl.ts';
import { type Batch, requireBatch } from '../train/batch.ts';
import { STAGES } from '../train/groups.ts';
import { batchLoss } from '../train/loss.ts';
import type { Optimiser } from '../train/optimiser.ts';
import type { Watch } from './watch.ts';

/** A step that changes next to nothing: the weights are the same for every run, and none of their bits is known beforehand. */
const RATE = 1e-8;

/**
 * One step of training, everything trained, stage by stage: the loss, the way back, and clipping with AdamW.
 *
 * @param recompute whether blocks run again on the way back: then what they do a second time counts for it
 */
export async function trainingStep(
  model: Model,
  batch: Batch,
  { optimiser, recompute, watch }: { optimiser: Optimiser; recompute: boolean; watch: Watch },
): Promise<void> {
  requireBatch(batch, model.config);
  const { device } = model;
  const gradients = new Map<string, Tensor>();
  const options: GradientOptions = {
    ...{ trains: STAGES['stage-2'], sum, recompute },
    take: (weight, gradient) => void gradients.set(weight, keep(gradient)),
    hear: watch.kind === 'stepwise' ? (name, gradient) => watch.hear(`${name}.grad`, gradient) : undefined,
  };
  watch.enter('forward');
  const start = () => recordLoss(() => batchLoss(model, batch), options);
  const recording = watch.kind === 'stepwise' ? withListener(watch.hear, start) : start();
  try {
    await finished(device);
    watch.enter('backward');
    recording.back();
    await finished(device);
  } catch (error) {
    recording.drop();
    freeAll(device, [...gradients.values()]);
    throw error;
  } finally {
    free(recording.loss);
  }
  watch.enter('optimiser');
  await optimiser.step(gradients, RATE);
  await finished(device);
}
