import { sum } from '../../../kernels/add.ts';
import { closeDevice, createDevice } from '../../../tensor/device.ts';
import { differentiate } from '../../../tensor/gradient.ts';
import { nullDriver } from '../../../tensor/null.ts';
import type { Tensor } from '../../../tensor/tensor.ts';
import type { Config } from '../../architecture/config.ts';
import { loadModel } from '../../model/qwen-vl.ts';
import type { Batch } from '../../train/batch.ts';
import { STAGES } from '../../train/groups.ts';
import { batchLoss } from '../../train/loss.ts';
import { watchingHistory } from '../history.ts';
import { backward, gradientOf } from './compare-gradients.ts';

/** What the declarations say of a gradient, without a weight or a number. */
export interface GradientInfo {
  /** As `qvl verify` names it. */
  readonly name: string;
  /** What it is the gradient of. */
  readonly of: { readonly name: string; readonly kind: 'activation' | 'weight' };
  /** Ours: rows of the last dimension, without batch axes. */
  readonly rows: readonly number[];
  /** The operation that made it; undefined for one that the loss begins with. */
  readonly madeBy: string | undefined;
  readonly cost: { readonly operations: number; readonly bytes: number } | undefined;
  /** The gradient that was heard before it. */
  readonly after: string | undefined;
  /** The operations that made it out of the gradients before, in their order. */
  readonly operations: readonly string[];
}

/**
 * Every gradient of a configuration, in the order in which they come about: runs the shapes of a way back on the null device.
 *
 * @param batch what the numbers are does not matter
 */
export async function listGradients(config: Config, batch: Batch): Promise<GradientInfo[]> {
  const device = createDevice(nullDriver);
  const model = loadModel(device, config, () => Promise.reject(new Error('the null device loads no weights')));
  const heard = new Map<string, GradientInfo>();
  watchingHistory(model, (history) => {
    let after: string | undefined;
    const take = (kind: GradientInfo['of']['kind'], name: string, gradient: Tensor): void => {
      const tap = gradientOf(name);
      if (heard.has(tap)) return;
      const { op: madeBy, launch } = history.madeBy(gradient) ?? {};
      const cost = launch && { operations: launch.operations, bytes: launch.bytes };
      const operations = backward(history, gradient);
      heard.set(tap, { name: tap, of: { name, kind }, rows: gradient.shape, madeBy, cost, after, operations });
      after = tap;
    };
    differentiate(() => batchLoss(model, batch), {
      trains: STAGES['stage-2'],
      take: (name, gradient) => take('weight', name, gradient),
      sum,
      hear(name, gradient) {
        take('activation', name, gradient);
        return undefined;
      },
    });
  });
  await device.queue.idle();
  await closeDevice(device);
  return [...heard.values()];
}
