import { type Device, finished } from '../../tensor/device.ts';
import type { Model } from '../model/qwen-vl.ts';
import { forwardPass, type Workload } from './pass.ts';
import { IMAGE, type PassRecord } from './record.ts';
import { type DeviceClock, type Watch, watch } from './watch.ts';

/** A pass that was run several times, and one that was run before anything was compiled. */
export interface Profile {
  /** The first of all: kernels are compiled, weights packed, pages touched. */
  readonly first: PassRecord;
  /** Every operation awaited by itself, with its activation's name. */
  readonly stepwise: PassRecord;
  /** As it runs when no activation is heard. */
  readonly fused: PassRecord;
  /** The same, but only its parts were timed. */
  readonly unwatched: PassRecord;
  /** How often either was run; of each the one whose model was fastest is given, which was disturbed least. */
  readonly runs: number;
  /** The tokens that every run made. */
  readonly tokens: readonly number[];
}

export interface ProfileOptions {
  /** The device's own clock, started before the device was opened. */
  readonly clock?: DeviceClock | undefined;
  /** No new run is begun after so long; there is at least one of each kind. */
  readonly patienceMilliseconds?: number;
  readonly mostRuns?: number;
  /** Told before each pass. */
  readonly onPass?: (kind: 'first' | PassRecord['kind'], run: number) => void;
}

/** Profiles a forward pass and the steps behind it. */
export const profile = (model: Model, work: Workload, options: ProfileOptions = {}): Promise<Profile> =>
  profilePasses(model.device, (watching) => forwardPass(model, work, watching), options);

/**
 * Profiles a pass: once as the device is found, then stepwise and fused in turns.
 *
 * @param run enters the parts of the watch, and returns the tokens that were made
 * @throws what the device throws
 */
export async function profilePasses(
  device: Device,
  run: (watching: Watch) => Promise<readonly number[]>,
  options: ProfileOptions = {},
): Promise<Profile> {
  const { clock, patienceMilliseconds = 5000, mostRuns = 100, onPass = () => undefined } = options;
  let tokens: readonly number[] = [];
  async function pass(kind: PassRecord['kind']): Promise<PassRecord> {
    const watching = watch(device, kind, clock);
    try {
      tokens = await run(watching);
    } catch (error) {
      watching.stop();
      throw error;
    }
    return watching.stop();
  }
  await finished(device); // weights may still be on their way
  onPass('first', 0);
  const first = await pass('stepwise');
  // Of each kind one is kept: the records of all would be swept by the garbage collector in the middle of a pass.
  const best = new Map<PassRecord['kind'], PassRecord>();
  const begin = performance.now();
  let runs = 0;
  do {
    for (const kind of KINDS) {
      onPass(kind, runs);
      const record = await pass(kind);
      const known = best.get(kind);
      if (!known || modelTime(record) < modelTime(known)) best.set(kind, record);
    }
    runs++;
  } while (runs < mostRuns && performance.now() - begin < patienceMilliseconds);
  const [unwatched, fused, stepwise] = KINDS.map((kind) => best.get(kind)!);
  return { first, stepwise, fused, unwatched, runs, tokens };
}

const KINDS = ['unwatched', 'fused', 'stepwise'] as const;

/** The host's decoding of the picture does not count: it takes as long as the model, and varies by more than what is looked for. */
const modelTime = ({ milliseconds, parts }: PassRecord): number =>
  parts.reduce((left, part) => (part.name === IMAGE ? left - part.milliseconds : left), milliseconds);
