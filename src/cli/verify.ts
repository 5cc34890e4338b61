import { resolve, sep } from 'node:path';
import { closeDevice, createDevice, type Device } from '../../tensor/device.ts';
import { DeviceError } from '../../tensor/error.ts';
import { gpuJs } from '../../tensor/gpu-js.ts';
import { readText } from '../checkpoint/file-source.ts';
import { InputError } from '../error.ts';
import { DEVICE_NAMES } from '../open-device.ts';
import { bfloat16Oracle } from '../verify/bfloat16/bfloat16.ts';
import { MODES, type Mode } from '../verify/compare.ts';
import { openFullSize } from '../verify/full-size/full-size-case.ts';
import { glob, requireFound } from '../verify/glob.ts';
import { findGradientGoldens } from '../verify/gradients/gradient-case.ts';
import type { InputRun } from '../verify/inputs/input-report.ts';
import { findGoldens, goldensAt } from '../verify/open.ts';
import { readReport } from '../verify/report/read-report.ts';
import type { Report, Run } from '../verify/report/report.ts';
import { type Case, type RunOptions, runGolden, unavailableRun } from '../verify/run.ts';
import { BFLOAT16 } from '../verify/tolerances.ts';
import { memoryBytes, type NamedGolden, type Options, openDeviceFor, SHIPPED_GOLDENS } from './options.ts';
import { madeHere, publish } from './publish.ts';
import { dim, say, sayPassing } from './terminal.ts';
import { verifyInputs } from './verify-inputs.ts';

const ORACLE = `cpu${BFLOAT16}`;
const LARGEST_REPORT = 64 * 2 ** 20;

/** `qvl verify [GOLDEN…]`, or `qvl verify --judge FILE`: see `qvl help`. */
export async function runVerify(words: string[], options: Options): Promise<void> {
  await publish(
    options.judge ? await savedReport(words, options, options.judge) : await measureAll(words, options),
    options,
  );
}

/** What is for measuring alone. */
const MEASURING = ['model', 'adapter', 'device', 'threads', 'memory', 'tap', 'mode', 'resume'] as const;

async function savedReport(words: string[], options: Options, path: string): Promise<Report> {
  const idle = MEASURING.find((name) => options[name] !== undefined);
  if (idle) throw new InputError(`--${idle}`, 'it is not for --judge, which measures nothing', 'leave it out');
  if (words.length > 0) {
    throw new InputError('qvl verify --judge', `${words.length} goldens too`, 'give the saved file alone');
  }
  return readReport(await readText(path, LARGEST_REPORT), path);
}

/** What to compare of the goldens. */
type Selection = Pick<RunOptions, 'modes' | 'wanted' | 'resume' | 'memory'>;

async function measureAll(words: string[], options: Options): Promise<Pick<Report, 'made' | 'runs' | 'inputs'>> {
  const idle = (['model', 'adapter'] as const).find((name) => options[name] !== undefined);
  if (idle && words.length === 0) {
    throw new InputError(
      `--${idle}`,
      'no golden is named',
      'name one of that model: those that come along have their own',
    );
  }
  const selection: Selection = {
    modes: readModes(options.mode),
    wanted: options.tap ? glob(options.tap) : () => true,
    resume: options.resume,
    memory: memoryBytes(options),
  };
  const devices = deviceNames(options);
  const inputs: InputRun[] = [];
  const goldens: NamedGolden[] = [];
  const { model, adapter } = options;
  for (const golden of words.length > 0 ? words.map((path) => ({ path, model, adapter })) : SHIPPED_GOLDENS) {
    const run = await verifyInputs(golden.path, options);
    if (run) inputs.push(run);
    else goldens.push(golden);
  }
  if (goldens.length === 0) {
    if (!options.html) return { made: await madeHere(), runs: [], inputs };
    throw new InputError('--html', 'there are no activations to show', 'leave it out, or name a golden of activations');
  }
  const cases = distinct(await Promise.all(goldens.map(async (golden) => [golden, await findCases(golden)] as const)));
  if (options.resume !== undefined && !cases.some((each) => 'measure' in each)) {
    throw new InputError('--resume', 'none of the goldens is at full size', 'leave it out; they take seconds');
  }
  const runs: Run[] = [];
  for (const name of devices) runs.push(...(await onDevice(name, cases, selection, options)));
  if (runs.length === 0) {
    requireFound(options.tap, [], 'qvl verify');
    throw new InputError('qvl verify', 'nothing could be compared', 'choose another device');
  }
  if (runs.every(({ outcome }) => outcome === 'measured')) requireFound(options.tap, namesIn(runs), 'qvl verify');
  return { made: await madeHere(), runs, ...(inputs.length > 0 ? { inputs } : {}) };
}

const namesIn = (runs: readonly Run[]): Set<string> =>
  new Set(runs.flatMap((run) => MODES.flatMap((mode) => run[mode]?.map(({ name }) => name) ?? [])));

/** All cases. A report tells them apart by name: what has that of an earlier one gets its folder's before it, or else a number. */
function distinct(found: readonly (readonly [NamedGolden, readonly Case[]])[]): Case[] {
  const taken = new Set<string>();
  return found.flatMap(([{ path }, cases]) =>
    cases.map((each) => {
      const folder = resolve(path)
        .split(sep)
        .findLast((part) => part !== 'activations' && !part.startsWith(each.name));
      const named = `${folder} ${each.name}`;
      let name = taken.has(each.name) ? named : each.name;
      for (let number = 2; taken.has(name); number++) name = `${named} ${number}`;
      taken.add(name);
      return { ...each, name };
    }),
  );
}

/** Fingerprints are JSON, as a golden's configuration is, whose name says so. */
async function findCases({ path, model, adapter }: NamedGolden): Promise<Case[]> {
  const gradients = await findGradientGoldens(path, model);
  const fullSize = /(?<!\.config)\.json$/.test(path);
  if (adapter !== undefined && (gradients.length > 0 || fullSize)) {
    throw new InputError('--adapter', `${path} is of a model without one`, 'leave it out');
  }
  if (gradients.length > 0) return [...(await goldensAt(path, { model })), ...gradients];
  return fullSize ? [await openFullSize(path)] : findGoldens(path, model, adapter);
}

async function onDevice(name: string, cases: readonly Case[], selection: Selection, options: Options): Promise<Run[]> {
  try {
    const device = await openNamed(name, options);
    try {
      const runs: Run[] = [];
      for (const each of cases) runs.push(await measured(each, device, selection));
      // A golden that has none of the wanted taps has nothing to say, as long as another has.
      return options.tap ? runs.filter((run) => run.outcome !== 'measured' || namesIn([run]).size > 0) : runs;
    } finally {
      await closeDevice(device);
    }
  } catch (error) {
    if (!(error instanceof DeviceError)) throw error;
    if (options.device) return cases.map((each) => unavailableRun(each, name, error));
    say(dim(`  ${name}: ${error.message}`)); // it was not asked for: no fault that this machine lacks it
    return [];
  }
}

/** The oracle for goldens in bfloat16 is a device like the others, but for this command alone. */
async function openNamed(name: string, options: Options): Promise<Device> {
  if (name !== ORACLE) return (await openDeviceFor({ ...options, device: name })).device;
  return createDevice(bfloat16Oracle(await gpuJs('cpu', 1)));
}

async function measured(each: Case, device: Device, selection: Selection): Promise<Run> {
  const label = `${each.name} × ${device.name}`;
  const remaining = estimator();
  const run = await runGolden(each, device, {
    ...selection,
    onStep(name, share) {
      const line = dim(`  ${label}  ${name.padEnd(24)} ${(100 * share).toFixed(0).padStart(3)} %${remaining(share)}`);
      if (process.stderr.isTTY) sayPassing(line);
      else say(line);
    },
    onProgress(mode, done, total) {
      sayPassing(dim(`  ${label} ${mode} ${done} of ${total} taps`));
    },
  });
  const seconds = run.seconds.toFixed(1).padStart(6);
  const peak = (process.resourceUsage().maxRSS / 2 ** 20).toFixed(1);
  say(dim(`  ${label.padEnd(24)} ${seconds} s  ${device.description}, peak ${peak} GB`));
  return run;
}

/** Says how long is left, from how long what was done took; a pass may begin where an earlier one stopped. */
function estimator(): (share: number) => string {
  const start = performance.now();
  let first: number | undefined;
  return (share) => {
    first ??= share;
    if (share === first) return '';
    const minutes = ((performance.now() - start) / 60_000) * ((1 - share) / (share - first));
    return minutes < 1 ? ', less than a minute left' : `, about ${minutes.toFixed(0)} min left`;
  };
}

function readModes(text = MODES.join(',')): Mode[] {
  return text.split(',').map((word) => {
    const mode = MODES.find((known) => known === word.trim());
    if (mode) return mode;
    throw new InputError('--mode', `"${word}", expected ${MODES.join(' or ')}`, 'as in: --mode free,forced');
  });
}

/** Those asked for, or all that compute anything. */
function deviceNames({ device }: Options): string[] {
  const computing = DEVICE_NAMES.filter((name) => name !== 'null');
  if (device === undefined) return computing.filter((name) => name !== 'auto');
  const names = [...new Set(device.split(',').map((name) => name.trim()))];
  const known: readonly string[] = [...computing, ORACLE];
  const stranger = names.find((name) => !known.includes(name));
  if (stranger === undefined) return names;
  throw new InputError('--device', `"${stranger}", expected some of ${known.join(',')}`, 'as in: --device cpu,webasm');
}
