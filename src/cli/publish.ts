import { createRequire } from 'node:module';
import { release } from 'node:os';
import { join } from 'node:path';
import { readText } from '../checkpoint/file-source.ts';
import { ROOT } from '../shipped.ts';
import { inputSummary, inputTree } from '../verify/inputs/input-tree.ts';
import { page } from '../verify/report/html.ts';
import { readTolerances } from '../verify/report/read-report.ts';
import {
  exitCodeOf,
  judgeRun,
  type Made,
  type Report,
  SCHEMA,
  SCHEMA_VERSION,
  writeReport,
} from '../verify/report/report.ts';
import { type Paint, summary, tree } from '../verify/report/tree.ts';
import { TOLERANCES } from '../verify/tolerances.ts';
import { save } from './files.ts';
import type { Options } from './options.ts';
import { bold, dim, green, print, red } from './terminal.ts';

const LARGEST_TABLE = 1 << 20;

const PAINT: Paint = { good: green, bad: red, dim, bold };

/** Judges measurements, prints the verdicts, writes the files that were asked for, and sets the exit code. */
export async function publish(report: Pick<Report, 'made' | 'runs' | 'inputs'>, options: Options): Promise<void> {
  const { made, runs, inputs = [] } = report;
  const { json, html, tolerances: table } = options;
  const tolerances = table ? readTolerances(await readText(table, LARGEST_TABLE), table) : TOLERANCES;
  const verdicts = runs.map((run) => judgeRun(run, tolerances));
  for (const run of inputs) {
    for (const line of inputTree(run, PAINT)) print(line);
    print('');
  }
  for (const verdict of verdicts) {
    for (const line of tree(verdict, PAINT).flatMap((lines) => lines.split('\n'))) print(line);
    print('');
  }
  if (verdicts.length > 0) print(dim('NMSE of the worst tap, and its share of what is allowed'));
  for (const run of inputs) print(inputSummary(run, PAINT));
  for (const verdict of verdicts) print(summary(verdict, PAINT));
  if (json) await save(json, writeReport({ schema: SCHEMA, version: SCHEMA_VERSION, ...report }), '--json');
  if (html) await save(html, page(made, verdicts), '--html');
  process.exitCode = exitCodeOf(verdicts, inputs);
}

/** Where, when and with which versions it is measured. */
export async function madeHere(): Promise<Made> {
  const own = JSON.parse(await readText(join(ROOT, 'package.json'), LARGEST_TABLE)) as { version: string };
  const gpuJs = createRequire(import.meta.url)('gpu.js/package.json') as { version: string };
  return {
    date: new Date().toISOString(),
    project: `qwen-vl-ts ${own.version}`,
    runtime: `Node ${process.version}, GPU.js ${gpuJs.version}`,
    system: `${process.platform} ${release()} ${process.arch}`,
  };
}
