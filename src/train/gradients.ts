import { sum } from '../../kernels/add.ts';
import type { Device, HostData } from '../../tensor/device.ts';
import { differentiate } from '../../tensor/gradient.ts';
import { keep } from '../../tensor/scope.ts';
import { free, freeAll, read, type Tensor } from '../../tensor/tensor.ts';
import type { Model } from '../model/qwen-vl.ts';
import { type Batch, requireBatch } from './batch.ts';
import { GradientError } from './error.ts';
import { STAGES } from './groups.ts';
import { batchLoss } from './loss.ts';

export interface LossOptions {
  /** Which weights are trained, by name; by default all that the original trains. */
  readonly trains?: (weight: string) => boolean;
  /** Whether blocks run again on the way back instead of being kept: see `differentiate`. True by default. */
  readonly recompute?: boolean;
}

interface Adapting {
  /** Makes what runs of the model, as a part of the pass: a LoRA's factors get their scale there (lora.ts). */
  readonly adapt?: (model: Model) => Model;
}

export interface LossAndGradients {
  /** Mean cross-entropy of the supervised tokens, in nats. */
  readonly loss: number;
  /** Each supervised token's part, in the order of `supervised`. */
  readonly parts: Float32Array;
  /** By the checkpoint's names, in the order in which they came: from the scores back to the pixels. The caller frees them. */
  readonly gradients: ReadonlyMap<string, Tensor>;
}

/**
 * The loss of a batch of conversations, and its gradient with respect to every weight that is trained.
 *
 * @throws InputError for a batch that says nothing, or what the model does not know; GradientError for a loss that is no number
 */
export async function lossAndGradients(
  model: Model,
  batch: Batch,
  { adapt = (same) => same, ...options }: LossOptions & Adapting = {},
): Promise<LossAndGradients> {
  requireBatch(batch, model.config);
  return gradientsOf(model.device, (hear) => batchLoss(adapt(model), batch, hear), options);
}

/**
 * Any loss with the gradient of every weight that is trained.
 *
 * @param work gives the loss, `[1, 1]`, and tells its listener of what it is the mean of
 * @throws GradientError for a loss that is no number
 */
export async function gradientsOf(
  device: Device,
  work: (hear: (parts: Tensor) => void) => Tensor,
  { trains = STAGES['stage-2'], recompute }: LossOptions = {},
): Promise<LossAndGradients> {
  const gradients = new Map<string, Tensor>();
  const take = (weight: string, gradient: Tensor) => void gradients.set(weight, keep(gradient));
  let heard: Promise<HostData> | undefined;
  const hear = (parts: Tensor) => {
    heard = read(parts);
  };
  const result = differentiate(() => work(hear), { trains, take, sum, recompute });
  const pending = read(result);
  free(result);
  const [[loss], parts] = await Promise.all([pending, heard ?? new Float32Array()]);
  if (Number.isFinite(loss)) return { loss, parts: Float32Array.from(parts), gradients };
  freeAll(device, [...gradients.values()]);
  throw new GradientError(
    `the loss is ${loss}; no weight was changed: look for the first activation that is no number`,
  );
}
