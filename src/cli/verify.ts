import { release } from 'node:os';
import { join } from 'node:path';
import { styleText } from 'node:util';
import { closeDevice, type Device } from '../../tensor/device.ts';
import { DeviceError } from '../../tensor/error.ts';
import { DEVICE_NAMES } from '../../tensor/open.ts';
import { InputError } from '../error.ts';
import { MODES, type Mode } from '../verify/compare.ts';
import { glob } from '../verify/glob.ts';
import { page } from '../verify/html.ts';
import { findGoldens, type GoldenCase } from '../verify/open.ts';
import { readReport, readTolerances } from '../verify/read-report.ts';
import {
  exitCodeOf,
  judgeRun,
  type Made,
  type Report,
  type Run,
  SCHEMA,
  SCHEMA_VERSION,
  writeReport,
} from '../verify/report.ts';
import { runGolden, unavailableRun } from '../verify/run.ts';
import { TOLERANCES } from '../verify/tolerances.ts';
import { type Paint, summary, tree } from '../verify/tree.ts';
import { readText, save } from './files.ts';
import { type Options, openDeviceFor, ROOT } from './options.ts';
import { dim, say } from './terminal.ts';

const LARGEST_REPORT = 256 * 2 ** 20;

const PAINT: Paint = {
  good: (text) => styleText('green', text),
  bad: (text) => styleText('red', text),
  dim,
  bold: (text) => styleText('bold', text),
};

/** `qvl verify [GOLDEN…]`, or `qvl verify --judge FILE`: see `qvl help`. */
export async function runVerify(words: string[], options: Options): Promise<void> {
  await publish(options.judge ? await savedReport(words, options.judge) : await measureAll(words, options), options);
}

/** Judges measurements, prints the verdicts, writes the files that were asked for, and sets the exit code. */
export async function publish({ made, runs }: Pick<Report, 'made' | 'runs'>, options: Options): Promise<void> {
  const { json, html, tolerances: table } = options;
  const tolerances = table ? readTolerances(await readText(table, LARGEST_REPORT), table) : TOLERANCES;
  const verdicts = runs.map((run) => judgeRun(run, tolerances));
  for (const verdict of verdicts) {
    for (const line of tree(verdict, PAINT)) console.log(line);
    console.log('');
  }
  for (const verdict of verdicts) console.log(summary(verdict, PAINT));
  if (json) await save(json, writeReport({ schema: SCHEMA, version: SCHEMA_VERSION, made, runs }), '--json');
  if (html) await save(html, page(made, verdicts), '--html');
  process.exitCode = exitCodeOf(verdicts);
}

async function savedReport(words: string[], path: string): Promise<Report> {
  if (words.length > 0)
    throw new InputError('qvl verify --judge', `${words.length} goldens too`, 'give the saved file alone');
  return readReport(await readText(path, LARGEST_REPORT), path);
}

async function measureAll(words: string[], options: Options): Promise<Pick<Report, 'made' | 'runs'>> {
  const modes = readModes(options.mode);
  const paths = words.length > 0 ? words : [join(ROOT, 'golden', 'quirks'), join(ROOT, 'golden', 'tiny')];
  const cases = (await Promise.all(paths.map((path) => findGoldens(path, options.model)))).flat();
  const wanted = options.tap ? glob(options.tap) : () => true;
  const runs: Run[] = [];
  for (const name of await deviceNames(options)) {
    const device = await openDeviceFor({ ...options, device: name }).then(
      (opened) => opened.device,
      (error: unknown) => {
        if (error instanceof DeviceError) return error;
        throw error;
      },
    );
    if (device instanceof DeviceError) {
      // Without --device it is no fault that this machine lacks one.
      if (options.device) runs.push(...cases.map((each) => unavailableRun(each, name, device)));
      else say(dim(`  ${name}: ${device.message}`));
      continue;
    }
    runs.push(...(await onDevice(cases, device, modes, wanted)));
  }
  return { made: await made(), runs };
}

async function onDevice(
  cases: readonly GoldenCase[],
  device: Device,
  modes: readonly Mode[],
  wanted: (name: string) => boolean,
): Promise<Run[]> {
  const runs: Run[] = [];
  try {
    for (const each of cases) {
      const live = process.stderr.isTTY === true;
      const label = `${each.name} × ${device.name}`;
      const run = await runGolden(each, device, {
        modes,
        wanted,
        onProgress(mode, done, total) {
          if (live) process.stderr.write(`\r\x1b[K${dim(`  ${label} ${mode} ${done} of ${total} taps`)}`);
        },
      });
      say(
        `${live ? '\r\x1b[K' : ''}${dim(`  ${label.padEnd(24)} ${run.seconds.toFixed(1).padStart(6)} s  ${device.description}`)}`,
      );
      runs.push(run);
    }
  } finally {
    await closeDevice(device);
  }
  return runs;
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
  const all = DEVICE_NAMES.filter((name) => name !== 'auto' && name !== 'null');
  if (device === undefined) return all;
  const names = [...new Set(device.split(',').map((name) => name.trim()))];
  const stranger = names.find((name) => !all.some((known) => known === name));
  if (stranger === undefined) return names;
  throw new InputError('--device', `"${stranger}", expected some of ${all.join(',')}`, 'as in: --device cpu,webasm');
}

/** Where and when it is measured. */
export async function made(): Promise<Made> {
  const { version } = JSON.parse(await readText(join(ROOT, 'package.json'), 1 << 20)) as { version: string };
  return {
    date: new Date().toISOString(),
    project: `qwen-vl-ts ${version}`,
    runtime: `Node ${process.version}`,
    system: `${process.platform} ${release()} ${process.arch}`,
  };
}
