import { closeDevice, createDevice, type Launch } from '../../../tensor/device.ts';
import { nullDriver } from '../../../tensor/null.ts';
import { scope } from '../../../tensor/scope.ts';
import type { Tensor } from '../../../tensor/tensor.ts';
import { loadModel, type Model, positionTables } from '../../model/qwen-vl.ts';
import { capture } from '../../verify/capture.ts';
import type { GoldenInputs } from '../../verify/golden.ts';

/** A tensor of a pass: what an operation made, or what the host gave. Weights are none of them. */
export interface PassTensor {
  /** Those it was heard by, in their order; none for what only the next operation sees. */
  readonly names: string[];
  readonly shape: readonly number[];
  /** Of the host: what it is called. */
  readonly label: string;
  readonly launch: Launch | undefined;
  /** Where its inputs come from, in the order of the signature: another tensor of the pass, or a weight by its name. */
  readonly inputs: readonly (PassTensor | string | undefined)[];
}

/**
 * Runs a prompt, and hears every tensor that comes about, in order: the same ones for the same prompt, on every device.
 *
 * @param take given each tensor once, by its place in the result, as soon as it may be read and before it is freed
 */
export function runPass(
  model: Model,
  inputs: GoldenInputs,
  take: (index: number, tensor: Tensor) => void = () => undefined,
): PassTensor[] {
  const { device, weights } = model;
  const made: PassTensor[] = [];
  const known = new Map<Tensor, PassTensor>();
  let pending: (() => void) | undefined;
  const settle = () => {
    pending?.();
    pending = undefined;
  };
  const add = (tensor: Tensor, about: Pick<PassTensor, 'launch' | 'inputs'>): PassTensor => {
    const entry = { names: [], shape: tensor.shape, label: tensor.label, ...about };
    made.push(entry);
    known.set(tensor, entry);
    return entry;
  };
  const sourceOf = (tensor: Tensor): PassTensor | string => {
    const found = known.get(tensor);
    if (found) return found;
    if (Object.hasOwn(weights, tensor.label)) return tensor.label; // one that does not stay on the device has a copy here
    const given = add(tensor, { launch: undefined, inputs: [] });
    take(made.length - 1, tensor);
    return given;
  };
  const before = device.onLaunch;
  device.onLaunch = (launch, output, from) => {
    before?.(launch, output, from);
    settle();
    add(output, { launch, inputs: from.map((input) => input && sourceOf(input)) });
    const index = made.length - 1;
    pending = () => take(index, output); // it can be read when it is queued
  };
  try {
    scope<void>(() => {
      // Made when the model was loaded; here again, to be seen.
      const tables = positionTables(weights, model.config);
      for (const name of ['patches', 'keys'] as const) {
        const table = known.get(tables[name]);
        if (table) known.set(model.positions[name], table);
      }
      capture(model, inputs, {
        take(name, activation) {
          settle();
          const source = sourceOf(activation);
          if (typeof source !== 'string') source.names.push(name);
        },
      });
      settle();
    });
  } finally {
    device.onLaunch = before;
  }
  return made;
}

/**
 * The same without a number: what a pass of a model consists of.
 *
 * @param model its weights tell whether there is an adapter of LoRA
 * @param onLaunch told of each operation where it is launched
 */
export async function passOf(
  { config, weights }: Pick<Model, 'config' | 'weights'>,
  inputs: GoldenInputs,
  onLaunch?: (launch: Launch) => void,
): Promise<PassTensor[]> {
  const device = createDevice(nullDriver);
  const nothing = () => Promise.reject(new Error('the null device loads no weights'));
  const factors = Object.entries(weights).filter(([name]) => /\.lora_[AB]\./.test(name));
  const lora = new Map(factors.map(([name, { shape }]) => [name, shape]));
  const model = loadModel(device, config, nothing, { lora });
  device.onLaunch = onLaunch;
  const made = runPass(model, inputs);
  await device.queue.idle();
  await closeDevice(device);
  return made;
}
