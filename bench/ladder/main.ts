import { relative } from 'node:path';
import { stderr } from 'node:process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { save } from '../../src/cli/files.ts';
import { checkOutput } from '../../src/cli/outputs.ts';
import { InputError } from '../../src/error.ts';
import { machine } from '../../src/profile/machine.ts';
import { writeWhole } from '../../src/write-file.ts';
import { runGpuRungs } from './gpu.ts';
import { measure } from './measure.ts';
import { type LadderResult, page, type RungResult } from './page.ts';
import { openRoofs, type Roofs } from './roofs.ts';
import type { Rung } from './rung.ts';
import { startRung } from './rung-process.ts';
import { RUNGS } from './rungs/index.ts';
import { codeOf } from './source.ts';

const SHAPE = { M: 280, K: 4096, N: 4096 };
const PAGE = fileURLToPath(new URL('../ladder.md', import.meta.url));

/**
 * Climbs the ladder: measures every rung, and writes bench/ladder.md. Progress goes to standard error.
 *
 * @param words `--threads N`, `--json FILE`; or names of rungs (`13 15`), which are measured alone, without a page
 * @throws InputError
 */
export async function ladder(words: readonly string[]): Promise<void> {
  const { threads, json, rungs } = readWords(words);
  if (json !== undefined) await checkOutput(json, [], '--json');
  const results: RungResult[] = [];
  const roofs = await openRoofs(threads);
  try {
    for (const rung of rungs) results.push(await measureRung(rung, threads, roofs));
  } finally {
    await roofs.close();
  }

  const date = new Date().toISOString().slice(0, 10);
  const result: LadderResult = {
    date,
    machine: machine(),
    threads,
    best: roofs.best,
    K: SHAPE.K,
    N: SHAPE.N,
    rungs: results,
    ...(rungs.length === RUNGS.length ? { gpu: await runGpuRungs() } : {}),
  };
  if (json) await save(json, `${JSON.stringify(result, null, 1)}\n`, '--json');
  if (rungs.length < RUNGS.length) return;
  const codes = await Promise.all(RUNGS.map(async (rung) => [rung.name, await codeOf(rung)] as const));
  await writeWhole(PAGE, page(result, RUNGS, Object.fromEntries(codes)), { remedy: 'make its folder writable' });
  console.error(`written: ${relative(process.cwd(), PAGE)}`);
}

async function measureRung(rung: Rung, threads: number, roofs: Roofs): Promise<RungResult> {
  const process = startRung(rung);
  try {
    stderr.write(rung.title.padEnd(40));
    const rows = { ...SHAPE, M: rung.rows ?? SHAPE.M };
    const prefill = await measure(rung, process, 'prefill', rows, threads, roofs);
    stderr.write(`${prefill.rate.toFixed(2).padStart(8)} GFLOP/s`);
    const decode = await measure(rung, process, 'decode', { ...SHAPE, M: 1 }, threads, roofs);
    stderr.write(`${decode.rate.toFixed(2).padStart(8)} GB/s\n`);
    const used = rung.threads === 'all' ? threads : 1;
    return { name: rung.name, instructions: rung.instructions, threads: used, prefill, decode };
  } finally {
    process.close();
  }
}

function readWords(words: readonly string[]) {
  const { values, positionals } = parse(words);
  const threads = Number(values.threads ?? 2);
  if (!Number.isInteger(threads) || threads < 1 || threads > 256) {
    throw new InputError('--threads', `${values.threads}, expected a whole number from 1 to 256`, 'as in: --threads 2');
  }
  const unknown = positionals.find((word) => !RUNGS.some(({ name }) => name.startsWith(word)));
  if (unknown !== undefined) {
    throw new InputError(
      'ladder',
      `there is no rung ${unknown}`,
      `choose from ${RUNGS.map(({ name }) => name).join(', ')}`,
    );
  }
  const wanted = ({ name }: Rung) => positionals.length === 0 || positionals.some((word) => name.startsWith(word));
  return { threads, json: values.json, rungs: RUNGS.filter(wanted) };
}

function parse(words: readonly string[]) {
  try {
    return parseArgs({
      args: [...words],
      allowPositionals: true,
      options: { threads: { type: 'string' }, json: { type: 'string' } },
    });
  } catch (cause) {
    throw new InputError('ladder', (cause as Error).message, 'options are --threads N and --json FILE', { cause });
  }
}
