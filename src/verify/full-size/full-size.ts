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
import type { Step } from './steps.ts';

/** How far a pass has come: enough to go on from. */
export interface Progress {
  /** Steps that are done. */
  readonly done: number;
  /** What the last of them made, `[rows, columns]`. */
  readonly x: Float32Array;
  readonly shape: readonly number[];
  readonly taps: readonly TapMeasurement[];
}

export interface StepOptions {
  readonly fingerprints: ReadonlyMap<string, Fingerprint>;
  /** Which taps to measure: steps that they do not need are left out. */
  readonly wanted: (name: string) => boolean;
  readonly from?: Progress | undefined;
  /** Told before each step, with the share of the pass's operations that is done. */
  readonly onStep?: (step: Step, share: number) => void;
  /** Told after each step, so that the pass can go on from there another time. */
  readonly onProgress?: (progress: Progress) => Promise<void>;
}

/**
 * Runs a pass step by step and measures the activations of which fingerprints are known. Between steps the activation
 * is on the host: nothing but one step's weights and activations is ever on the device.
 *
 * @param model a streamed one
 * @param stepsOf the steps, of this model and of one without data that tells their cost
 */
export async function runSteps(
  model: Model,
  stepsOf: (model: Model) => readonly Step[],
  { fingerprints, wanted, from, onStep, onProgress }: StepOptions,
): Promise<TapMeasurement[]> {
  const steps = stepsOf(model);
  const names = [...fingerprints.keys()].filter(wanted);
  const needed = neededFor(steps, names);
  const costs = (await operationsOf(model.config, stepsOf)).map((cost, i) => (needed[i] ? cost : 0));
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);

  const taps = [...(from?.taps ?? [])];
  let progress = from;
  for (let i = from?.done ?? 0; i < steps.length; i++) {
    if (!needed[i]) continue;
    const step = steps[i];
    onStep?.(step, sum(costs.slice(0, i)) / sum(costs));
    const { x, shape, measured } = await runStep(model.device, step, progress, (name) =>
      names.includes(name) ? fingerprints.get(name) : undefined,
    );
    taps.push(...measured);
    progress = { done: i + 1, x, shape, taps: [...taps] };
    await onProgress?.(progress);
  }
  return taps;
}

/** Which steps make wanted taps, or what such a step begins with. */
function neededFor(steps: readonly Step[], names: readonly string[]): boolean[] {
  const needed = steps.map(({ owns }) => names.some(owns));
  for (let i = steps.length - 2; i >= 0; i--) needed[i] ||= needed[i + 1] && !steps[i + 1].input;
  return needed;
}

async function runStep(
  device: Device,
  step: Step,
  before: Progress | undefined,
  find: (name: string) => Fingerprint | undefined,
) {
  const results: Promise<TapMeasurement>[] = [];
  const hear = (heard: string, activation: Tensor) => {
    const name = `${step.prefix ?? ''}${heard}`;
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
    const made = withListener(hear, () => step.run(inputOf(device, step, before)));
    return { data: read(made), shape: made.shape };
  });
  const x = (await data) as Float32Array;
  return { x, shape, measured: await Promise.all(results) };
}

function inputOf(device: Device, { name, input }: Step, before: Progress | undefined): Tensor {
  if (!input && !before) throw new RangeError(`${name} begins with what the step before it made`);
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

/** The floating-point operations of each step. */
async function operationsOf(config: Config, stepsOf: (model: Model) => readonly Step[]): Promise<number[]> {
  const device = createDevice(nullDriver);
  const model = loadModel(device, config, () => Promise.reject(new Error('the null device loads no weights')), {
    resident: 'none',
  });
  let x: Tensor | undefined;
  const costs: number[] = [];
  for (const step of stepsOf(model)) {
    let operations = 0;
    device.onLaunch = (launch) => {
      operations += launch.operations;
    };
    const { name, input } = step;
    x = scope<Tensor>(() =>
      step.run(input ? tensor(device, () => new Float32Array(), input.shape, { label: name }) : x!),
    );
    costs.push(operations);
  }
  await device.queue.idle();
  return costs;
}
