import { closeDevice } from '../../../tensor/device.ts';
import { DeviceError } from '../../../tensor/error.ts';
import { openCheckpointIn } from '../../checkpoint/model-folder.ts';
import { vocabularyIn } from '../../checkpoint/vocabulary.ts';
import { InputError } from '../../error.ts';
import { createTokenizer } from '../../input/text/tokenizer.ts';
import { type DeviceName, openDevice } from '../../open-device.ts';
import { MODES, type Mode } from '../../verify/compare.ts';
import type { GoldenCase } from '../../verify/open.ts';
import { randomModel } from '../../verify/random-model.ts';
import { judgeRun, type Run, SCHEMA, SCHEMA_VERSION, type Verdict, writeReport } from '../../verify/report/report.ts';
import { findings } from '../../verify/report/tree.ts';
import { runGolden, unavailableRun } from '../../verify/run.ts';
import { madeHere } from '../made.ts';
import { goldenIn } from './golden-in.ts';
import { fetchedFolder } from './page-folders.ts';
import type { Context } from './service.ts';
import { type FaultName, type GoldenName, withFault } from './verify-choices.ts';

export interface VerifyArgument {
  readonly golden: GoldenName;
  readonly devices: readonly DeviceName[];
  readonly threads: number;
  /** A mistake to plant, for who wants to see it found. */
  readonly fault: FaultName | undefined;
  /** Where goldens and the model that comes along lie. */
  readonly addresses: { readonly golden: string; readonly model: string };
}

export type VerifyReport =
  | { readonly device: string; readonly mode: Mode; readonly done: number; readonly total: number }
  | { readonly verdict: Verdict; readonly findings: string };

/**
 * Compares every activation of a golden on one device after the other, as `qvl verify` does. What a device lacks is its verdict, and no
 * error.
 *
 * @returns the measurements as the file that `qvl verify --judge` reads
 * @throws CheckpointError when the golden cannot be had
 */
export async function verify(
  { golden, devices, threads, fault, addresses }: VerifyArgument,
  context: Context<VerifyReport>,
): Promise<{ readonly json: string }> {
  const sound = await caseOf(golden, addresses);
  const wanted = fault ? withFault(sound, fault) : sound;
  const runs: Run[] = [];
  for (const device of devices) {
    const run = await runOn(device, threads, wanted, context);
    context.signal.throwIfAborted();
    runs.push(run);
    const verdict = judgeRun(run);
    context.report({ verdict, findings: findings(verdict) });
  }
  return { json: writeReport({ schema: SCHEMA, version: SCHEMA_VERSION, made: madeHere(), runs }) };
}

async function runOn(
  name: DeviceName,
  threads: number,
  wanted: GoldenCase,
  { signal, report }: Context<VerifyReport>,
): Promise<Run> {
  try {
    const { device } = await openDevice(name, threads);
    const stop = () => void closeDevice(device);
    signal.addEventListener('abort', stop);
    try {
      return await runGolden(wanted, device, {
        modes: MODES,
        wanted: () => true,
        onProgress: (mode, done, total) => report({ device: name, mode, done, total }),
      });
    } finally {
      signal.removeEventListener('abort', stop);
      await closeDevice(device);
    }
  } catch (error) {
    if (error instanceof DeviceError) return unavailableRun(wanted, name, error);
    throw error;
  }
}

async function caseOf(name: GoldenName, addresses: VerifyArgument['addresses']): Promise<GoldenCase> {
  const folder = await fetchedFolder(addresses.golden);
  if (name === 'model-e') {
    return {
      ...{ name, kind: 'random' },
      async open() {
        const golden = await goldenIn(folder, name, `${name}.activations`);
        const checkpoint = await randomModel(name, (path) => folder.open(path));
        return { golden, checkpoint, text: undefined, close: () => checkpoint.close() };
      },
    };
  }
  if (!folder.files.has(`${name}.safetensors`)) {
    throw new InputError(name, 'this page comes with another model than it is of', 'choose another golden');
  }
  return {
    ...{ name, kind: 'trained' },
    async open() {
      const golden = await goldenIn(folder, name);
      const model = await fetchedFolder(addresses.model);
      const checkpoint = await openCheckpointIn(model);
      const { text, name: file } = await vocabularyIn(model);
      const tokenizer = createTokenizer(text, file, checkpoint.config.visual.n_queries);
      return { golden, checkpoint, text: (id) => tokenizer.decode([id]), close: () => checkpoint.close() };
    },
  };
}
