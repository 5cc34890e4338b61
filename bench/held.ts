import type { Config } from '../src/architecture/config.ts';
import { proceduralCheckpoint, proceduralInput } from '../src/checkpoint/procedural.ts';
import { freeModel, loadModel, type Model } from '../src/model/qwen-vl.ts';
import type { Device } from '../tensor/device.ts';
import { keep, tensorsIn } from '../tensor/scope.ts';
import { free, present, type Tensor, tensor } from '../tensor/tensor.ts';

export const input = (device: Device, rows: number, columns: number): Tensor =>
  tensor(device, () => proceduralInput('x', rows * columns), [rows, columns]);

/** The weights of one part of the model alone, in bfloat16 as published, or in float32 as they are trained. */
export function held<Weights extends object>(
  device: Device,
  config: Config,
  part: (model: Model) => Weights,
  bfloat16 = true,
) {
  const model = loadModel(device, config, proceduralCheckpoint(config, bfloat16), { resident: 'none' });
  const weights = Object.fromEntries(
    Object.entries(part(model) as Record<string, Tensor>).map(([name, weight]) => [name, keep(present(weight))]),
  ) as Weights;
  return { model, weights };
}

/** Frees what `held` gave, and what goes with it. */
export function release(model: Model, weights: object, tensors: readonly Tensor[]): void {
  freeModel(model);
  for (const each of new Set([...tensorsIn(weights), ...tensors])) free(each);
}
