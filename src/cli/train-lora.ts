/** What a training run does differently where it trains a LoRA adapter: its base stays as it is, and only factors are kept and written. */
import { createHash } from 'node:crypto';
import type { Device } from '../../tensor/device.ts';
import { elementCount } from '../../tensor/dtype.ts';
import { read } from '../../tensor/tensor.ts';
import { type Checkpoint, parameterCount } from '../checkpoint/checkpoint.ts';
import { defaultMemory, weightBytes } from '../checkpoint/memory.ts';
import type { HostTensor } from '../checkpoint/stored-tensor.ts';
import { type WrittenLora, writeLora } from '../checkpoint/write-lora.ts';
import { InputError } from '../error.ts';
import { modelOn } from '../generate/model-on.ts';
import type { Model } from '../model/qwen-vl.ts';
import { factorShapes, initialFactor, isFactor, type Lora, RELEASED_LORA } from '../train/lora.ts';
import type { RunSettings } from '../train/settings.ts';
import type { TrainingState } from '../train/state.ts';
import { type Options, wholeNumber } from './options.ts';
import { dim, say, sayPassing, thousands } from './terminal.ts';

const MOST_RANK = 1024;

/** What the command line says of an adapter; undefined where none is trained. @throws InputError */
export function loraOf(options: Options): Lora | undefined {
  const rank = wholeNumber(options, 'lora', MOST_RANK);
  if (rank === undefined) {
    const idle = (['lora-alpha', 'lora-targets'] as const).find((name) => options[name] !== undefined);
    if (idle) throw new InputError(`--${idle}`, 'no adapter is trained', 'give its rank with --lora');
    return undefined;
  }
  const { stage = '3', 'lora-alpha': given = `${RELEASED_LORA.alpha}`, 'lora-targets': ends } = options;
  if (stage !== '3') throw new InputError('--lora', `stage ${stage} trains weights`, 'leave it or --stage out');
  const alpha = Number(given);
  if (!(alpha > 0 && alpha <= 1e6)) {
    throw new InputError('--lora-alpha', `"${given}", expected a number above 0`, 'as in: --lora-alpha 16');
  }
  return { rank, alpha, targets: ends === undefined ? RELEASED_LORA.targets : ends.split(',') };
}

/** A SHA-256 of all weights: a run goes on over the base that it began with, or it would not end with the same bytes. */
export async function fingerprintOf({ tensors, load }: Checkpoint): Promise<string> {
  const hash = createHash('sha256');
  const names = [...tensors.keys()].sort();
  for (const [i, name] of names.entries()) {
    sayPassing(dim(`  reading the base: ${i + 1} of ${names.length} weights`));
    const { buffer, byteOffset, byteLength } = await load(name);
    hash.update(name).update(new Uint8Array(buffer, byteOffset, byteLength));
  }
  sayPassing('');
  return hash.digest('hex');
}

/**
 * The base with factors, new ones or a state's. It stays as compact as the device keeps it, in 4 bits too.
 *
 * @throws InputError where it does not fit the memory
 */
export function adaptedModel(
  device: Device,
  base: Checkpoint,
  lora: Lora,
  factor: (name: string, shape: readonly number[]) => Float32Array,
): Model {
  const shapes = factorShapes(base.config, lora);
  const trained = [...shapes.values()].reduce((sum, shape) => sum + elementCount(shape), 0);
  const bytes = weightBytes(base, device.driver).all + 16 * trained;
  if (bytes > defaultMemory()) {
    const [needed, there] = [bytes, defaultMemory()].map((each) => `${(each / 1e9).toFixed(1)} GB`);
    const found = `the base, and gradients and moments of the factors, take ${needed} of ${there}`;
    throw new InputError('qvl train --lora', found, 'train a smaller model, or over one in 4 bits');
  }
  say(
    dim(
      `  ${thousands(trained)} parameters are trained, ${((100 * trained) / parameterCount(base)).toFixed(1)} % of the base's`,
    ),
  );
  const load = ((name: string, compact?: boolean) => {
    const shape = shapes.get(name);
    return shape ? Promise.resolve(factor(name, shape)) : base.load(name, compact);
  }) as Checkpoint['load']; // what it gives depends on what it is asked for
  return modelOn(device, { ...base, lora: shapes, load });
}

/** Where factors begin: as PEFT has it, or where a state has them. */
export const factorsOf =
  ({ seed }: RunSettings, from: TrainingState | undefined) =>
  (name: string, shape: readonly number[]): Float32Array =>
    from?.tensors.get(`weight.${name}`)?.data ?? initialFactor(seed, name, shape);

/** Writes the factors of a model as an adapter's folder. @throws InputError */
export async function writeFactors(folder: string, { weights }: Model, lora: WrittenLora, remedy: string) {
  const factors = new Map<string, HostTensor>();
  for (const [name, weight] of Object.entries(weights)) {
    if (!isFactor(name)) continue;
    factors.set(name, { dtype: 'float32', shape: weight.shape, data: Float32Array.from(await read(weight)) });
  }
  await writeLora(folder, lora, factors, remedy);
}
