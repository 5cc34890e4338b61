import { freeModel, loadModel, type Model } from '../../src/model/qwen-vl.ts';
import { compareGradients } from '../../src/verify/gradients/compare-gradients.ts';
import type { OpenedGradients } from '../../src/verify/gradients/gradient-case.ts';
import { judgeRun, type Verdict } from '../../src/verify/report/report.ts';
import { closeDevice, createDevice, type Driver } from '../../tensor/device.ts';
import type { Listener } from '../../tensor/tap.ts';
import { type Replacement, replacing } from './fault.ts';

/** How a fault gets into a way back whose code stays as it is. */
export type BackwardSwitch =
  | { readonly operations: (opened: OpenedGradients) => Readonly<Record<string, Replacement>> }
  | { readonly gradients: Listener }
  | { readonly activations: (model: Model) => Listener };

/** One exhibit of the way back. */
export interface BackwardFault {
  readonly name: string;
  /** What is wrong, in a sentence. */
  readonly says: string;
  readonly how: BackwardSwitch;
  /** The first tap that must be found broken. */
  readonly enters: string;
  /** One of the operations that the verdict must name. */
  readonly by: string;
  /** Where the fault shows; `grad-e`, the smallest with every gradient, unless said otherwise. */
  readonly golden?: BackwardGolden;
}

export type BackwardGolden = 'grad-e' | 'grad-e-text' | 'grad-a';

/** What the tool says of the gradients of a model, sound or with a fault on the way back. */
export async function examineBackward(
  driver: Driver,
  opened: OpenedGradients,
  fault?: BackwardFault,
): Promise<Verdict> {
  const { golden, checkpoint } = opened;
  const given = fault?.how;
  const faulty = given && 'operations' in given ? replacing(driver, given.operations(opened)) : driver;
  const device = createDevice({ ...faulty, close() {} });
  try {
    const model = loadModel(device, checkpoint.config, checkpoint.load);
    const plant = {
      ...(given && 'gradients' in given ? { gradients: given.gradients } : {}),
      ...(given && 'activations' in given ? { activations: given.activations(model) } : {}),
    };
    const free = await compareGradients(model, golden, { plant, recompute: !plant.activations });
    freeModel(model);
    return judgeRun({
      golden: { name: golden.name, kind: 'gradient', provenance: {} },
      device: { name: 'cpu', description: driver.description },
      outcome: 'measured',
      seconds: 0,
      free,
    });
  } finally {
    await closeDevice(device);
  }
}
