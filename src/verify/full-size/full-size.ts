import { createDevice, type Device } from '../../../tensor/device.ts';
import { nullDriver } from '../../../tensor/null.ts';
import { scope } from '../../../tensor/scope.ts';
import { withListener } from '../../../tensor/tap.ts';
import { read, type Tensor, tensor } from '../../../tensor/tensor.ts';
import type { Config } from '../../architecture/config.ts';
import { proceduralInput } from '../../checkpoint/procedural.ts';
import { loadModel, type Model } from '../../model/qwen-vl.ts';
import type { TapMeasurement } from '../compare.ts';
import { type Fingerprint, fingerprintTap } from './fingerprint.ts';
import type { Stage } from './stages.ts';

/** How far a pass has come: enough to go on from. */
export interface Progress {
  /** Stages that are done. */
  readonly done: number;
  /** What the last of them made, `[rows, columns]`. */
  readonly x: Float32Array;
  readonly shape: readonly number[];
  readonly taps: readonly TapMeasurement[];
}

export interface StageOptions {
  readonly fingerprints: ReadonlyMap<string, Fingerprint>;
  /** Which taps to measure: stages that they do not need are left out. */
  readonly wanted: (name: string) => boolean;
  readonly from?: Progress | undefined;
  /** Told before each stage, with the share of the pass's operations that is done. */
  readonly onStage?: (stage: Stage, share: number) => void;
  /** Told after each stage, so that the pass can go on from there another time. */
  readonly onProgress?: (progress: Progress) => Promise<void>;
}

/**
 * Runs a pass stage by stage and measures the activations of which fingerprints are known. Between stages the activation
 * is on the host: nothing but one stage's weights and activations is ever on the device.
 *
 * @param model a streamed one
 * @param stagesOf the stages, of this model and of one without data that tells their cost
 */
export async function runStages(
  model: Model,
  stagesOf: (model: Model) => readonly Stage[],
  { fingerprints, wanted, from, onStage, onProgress }: StageOptions,
): Promise<TapMeasurement[]> {
  const stages = stagesOf(model);
  const names = [...fingerprints.keys()].filter(wanted);
  const needed = neededFor(stages, names);
  const costs = (await operationsOf(model.config, stagesOf)).map((cost, i) => (needed[i] ? cost : 0));
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);

  const taps = [...(from?.taps ?? [])];
  let progress = from;
  for (let i = from?.done ?? 0; i < stages.length; i++) {
    if (!needed[i]) continue;
    const stage = stages[i];
    onStage?.(stage, sum(costs.slice(0, i)) / sum(costs));
    const { x, shape, measured } = await runStage(model.device, stage, progress, (name) =>
      names.includes(name) ? fingerprints.get(name) : undefined,
    );
    taps.push(...measured);
    progress = { done: i + 1, x, shape, taps: [...taps] };
    await onProgress?.(progress);
  }
  return taps;
}

/** Which stages make wanted taps, or what such a stage begins with. */
function neededFor(stages: readonly Stage[], names: readonly string[]): boolean[] {
  const needed = stages.map(({ owns }) => names.some(owns));
  for (let i = stages.length - 2; i >= 0; i--) needed[i] ||= needed[i + 1] && !stages[i + 1].input;
  return needed;
}

async function runStage(
  device: Device,
  stage: Stage,
  before: Progress | undefined,
  find: (name: string) => Fingerprint | undefined,
) {
  const results: Promise<TapMeasurement>[] = [];
  const hear = (heard: string, activation: Tensor) => {
    const name = `${stage.prefix ?? ''}${heard}`;
    const fingerprint = find(name);
    if (!fingerprint) return undefined;
    const measured = read(activation).then(async (data) => {
      const measure = await fingerprintTap(name, fingerprint).measure(data as Float32Array);
      const place = `[${placeOf(measure.metrics.worst.index, fingerprint.shape)}]`;
      return { name, shape: fingerprint.shape, operations: [], place, ...measure };
    });
    measured.catch(() => undefined); // thrown below
    results.push(measured);
    return undefined;
  };
  const { data, shape } = scope(() => {
    const made = withListener(hear, () => stage.run(inputOf(device, stage, before)));
    return { data: read(made), shape: made.shape };
  });
  const x = (await data) as Float32Array;
  return { x, shape, measured: await Promise.all(results) };
}

function inputOf(device: Device, { name, input }: Stage, before: Progress | undefined): Tensor {
  if (!input && !before) throw new RangeError(`${name} begins with what the stage before it made`);
  const shape = input?.shape ?? before!.shape;
  const load = () => (input ? proceduralInput(input.name, shape[0] * shape[1]) : before!.x);
  return tensor(device, load, shape, { label: input?.name ?? 'x' });
}

function placeOf(index: number, shape: readonly number[]): number[] {
  let left = index;
  return [...shape]
    .reverse()
    .map((size) => {
      const at = left % size;
      left = (left - at) / size;
      return at;
    })
    .reverse();
}

/** The floating-point operations of each stage. */
async function operationsOf(config: Config, stagesOf: (model: Model) => readonly Stage[]): Promise<number[]> {
  const device = createDevice(nullDriver);
  const model = loadModel(device, config, () => Promise.reject(new Error('the null device loads no weights')), {
    resident: 'none',
  });
  let x: Tensor | undefined;
  const costs: number[] = [];
  for (const stage of stagesOf(model)) {
    let operations = 0;
    device.onLaunch = (launch) => {
      operations += launch.operations;
    };
    const { name, input } = stage;
    x = scope<Tensor>(() =>
      stage.run(input ? tensor(device, () => new Float32Array(), input.shape, { label: name }) : x!),
    );
    costs.push(operations);
  }
  await device.queue.idle();
  return costs;
}
