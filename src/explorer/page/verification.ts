import { signal } from '@preact/signals';
import type { Mode } from '../../verify/compare.ts';
import type { JudgedTap, Verdict } from '../../verify/report/report.ts';
import { type FaultName, GOLDENS, type GoldenName, PLANTED_FAULTS } from '../engine/verify-choices.ts';
import { inAddress, named } from './address.ts';
import { call } from './engine.ts';
import { mostThreads, PAGE_DEVICES } from './model.ts';

/** The devices that can be compared. */
export const DEVICES = PAGE_DEVICES.filter((name) => name !== 'auto');

/** What is chosen, as the address has it: devices with commas between. */
export const golden = inAddress('golden', 'model-e');
export const fault = inAddress('fault', '');
export const devices = inAddress('devices', DEVICES.join(','));
export const mode = inAddress('mode', 'free');

export const chosenGolden = (): GoldenName => named(GOLDENS, golden.value) ?? 'model-e';
export const chosenFault = (): FaultName | undefined => named(PLANTED_FAULTS, fault.value);
export const chosenDevices = () => DEVICES.filter((name) => devices.value.split(',').includes(name));

/** One golden on one device, judged, with what was found in a line. */
export interface Found {
  readonly verdict: Verdict;
  readonly findings: string;
}

export const found = signal<readonly Found[]>([]);
/** The file that `qvl verify --judge` reads, once all is measured. */
export const report = signal<string | undefined>(undefined);
export const failure = signal<string | undefined>(undefined);
/** How far it is, while it runs. */
export const progress = signal<{ readonly text: string; readonly stop: AbortController } | undefined>(undefined);

/** Compares the chosen golden on the chosen devices. */
export async function startVerifying(): Promise<void> {
  const stop = new AbortController();
  failure.value = undefined;
  report.value = undefined;
  found.value = [];
  progress.value = { text: 'fetching the golden …', stop };
  const at = (folder: string) => new URL(folder, document.baseURI).href;
  const argument = {
    ...{ golden: chosenGolden(), fault: chosenFault(), devices: chosenDevices(), threads: mostThreads() },
    addresses: { golden: at('golden'), model: at('model') },
  };
  try {
    const { json } = await call('verify', argument, {
      signal: stop.signal,
      onReport(news) {
        if ('verdict' in news) found.value = [...found.value, news];
        else progress.value = { text: `${news.device}, ${news.mode}: ${news.done} of ${news.total} activations`, stop };
      },
    });
    report.value = json;
  } catch (error) {
    if (!stop.signal.aborted) failure.value = (error as Error).message;
  } finally {
    progress.value = undefined;
  }
}

/** What was found of an activation in one mode. */
export const judgedIn = ({ verdict }: Found, mode: Mode, name: string): JudgedTap | undefined =>
  verdict.modes.find((each) => each.mode === mode)?.taps.find(({ tap }) => tap.name === name);

/** All measurements as a table for other programs, a line an activation, mode and device. */
export function csv(): string {
  const cells = found.value.flatMap(({ verdict: { run, modes } }) =>
    modes.flatMap(({ mode, taps }) =>
      taps.map(({ tap, share, excess }) => [
        ...[run.golden.name, run.device.name, mode, tap.name, tap.nmse, tap.exact?.ratio ?? '', share],
        ...[excess ? 'over budget' : 'pass', tap.place, tap.operations.join(' ')],
      ]),
    ),
  );
  const header = ['golden', 'device', 'mode', 'activation', 'nmse', 'of PyTorch rounding', 'of what is allowed'];
  const rows = [[...header, 'verdict', 'worst element', 'operations'], ...cells];
  return rows.map((row) => `${row.map((cell) => `"${String(cell).replaceAll('"', '""')}"`).join(',')}\r\n`).join('');
}
