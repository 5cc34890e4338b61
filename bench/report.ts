import { readFile } from 'node:fs/promises';
import { CheckpointError, InputError } from '../src/error.ts';
import { isObject } from '../src/fields.ts';
import { describeMachine, type Machine } from '../src/profile/machine.ts';
import type { Roofs } from '../src/profile/roofs.ts';
import type { Row } from './bench.ts';
import type { ExplorerResult } from './explorer.ts';
import type { Target } from './targets.ts';
import type { TinyResult } from './tiny.ts';

/** A run of the benchmark, as it is kept in bench/results. */
export interface BenchReport {
  readonly date: string;
  readonly machine: Machine;
  readonly threads: number;
  /** The versions of the other engines. */
  readonly peers: Readonly<Record<string, string>>;
  readonly roofs: readonly Roofs[];
  readonly rows: readonly Row[];
  readonly tiny?: TinyResult | undefined;
  readonly explorer?: ExplorerResult | undefined;
  readonly targets: readonly Target[];
}

const REMEDY = 'give a file that "npm run bench -- --json FILE" wrote';

/** @throws InputError, CheckpointError when the file is not a report */
export async function readReport(path: string): Promise<BenchReport> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    throw new InputError('--compare', `${path} cannot be read (${(cause as NodeJS.ErrnoException).code})`, REMEDY, {
      cause,
    });
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new CheckpointError(path, 'not JSON', REMEDY, { cause });
  }
  const sound =
    isObject(json) &&
    isObject(json.machine) &&
    Array.isArray(json.rows) &&
    json.rows.every(
      (row) =>
        isObject(row) &&
        typeof row.name === 'string' &&
        isObject(row.timings) &&
        Object.values(row.timings).every((timing) => isObject(timing) && typeof timing.median === 'number'),
    );
  if (!sound) throw new CheckpointError(path, 'not a report of a benchmark', REMEDY);
  return json as unknown as BenchReport; // what is used of it was checked
}

/** How each row of ours changed: against its own time, and against its roof, which leaves out what the machine did. */
export function compareLines(now: BenchReport, before: BenchReport): string[] {
  const same = describeMachine(now.machine) === describeMachine(before.machine);
  const lines = same ? [] : [`another machine: ${describeMachine(before.machine)}; only shares of the roof compare`];
  for (const row of now.rows) {
    const old = before.rows.find(({ section, name }) => section === row.section && name === row.name);
    if (!old?.timings.simd || !old.timings.roof) continue;
    const faster = old.timings.simd.median / row.timings.simd.median;
    const roof = old.timings.roof.median / row.timings.roof.median;
    lines.push(
      `${row.name.padEnd(36)} ${faster.toFixed(2)} × as fast, ${(faster / roof).toFixed(2)} × in shares of the roof`,
    );
  }
  return lines;
}
