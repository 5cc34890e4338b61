/**
 * npm run fuzz -- [--count N] [--seed S] [--target NAME] [--case FILE|target:seed:number]
 *
 * Feeds damaged files, pictures, vocabularies, prompts and tokens to everything that reads them. Each case works or is
 * refused with an InputError, within a second and 256 MB; whatever else happens is saved in test/fuzz/failures.
 */
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { outliveListeners } from '../../src/cli/ending.ts';
import { print, say } from '../../src/cli/terminal.ts';
import { InputError } from '../../src/error.ts';
import { nameOf, parseName, readCase, saveCase } from './cases.ts';
import { createFuzzer, type Fuzzer, type Tally } from './fuzzer.ts';
import { MOST_CASES, randomOf } from './random.ts';
import { targets } from './targets.ts';

const FAILURES = fileURLToPath(new URL('failures', import.meta.url));
const LARGEST_SEED = 2 ** 32 - 1;
const usage = 'npm run fuzz -- [--count N] [--seed S] [--target NAME] [--case FILE]';

function whole(text: string, name: string, most: number): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 0 && value <= most) return value;
  throw new InputError(`--${name}`, `"${text}"`, `give a whole number up to ${most}`);
}

function checkTarget(target: string): string {
  if (Object.hasOwn(targets, target)) return target;
  throw new InputError('--target', `"${target}"`, `give one of ${Object.keys(targets).join(', ')}`);
}

function readOptions() {
  const text = { type: 'string' } as const;
  try {
    return parseArgs({ options: { count: text, seed: text, target: text, case: text } }).values;
  } catch (cause) {
    throw new InputError('fuzz', (cause as Error).message.split('\n')[0], usage, { cause });
  }
}

/** One case again, by its name or from a file. */
async function replay(fuzzer: Fuzzer, which: string): Promise<boolean> {
  const name = parseName(which);
  const { target, input } = name
    ? {
        target: name.target,
        input: targets[checkTarget(name.target)].make(randomOf(name.seed, name.target, name.number)),
      }
    : await readCase(which);
  const { accepted, failures } = await fuzzer.run({ target: checkTarget(target), input });
  const found = failures[0]?.error ?? `${which}: ${accepted ? 'accepted' : 'rejected'}`;
  for (const line of found.split('\n')) print(line);
  return failures.length === 0;
}

async function fuzz(fuzzer: Fuzzer, names: readonly string[], count: number, seed: number, signal: AbortSignal) {
  const total: Tally = { accepted: 0, rejected: 0, seconds: 0, failures: [] };
  print(
    `${'target'.padEnd(16)}${['accepted', 'rejected', 'failed', 'cases/s'].map((word) => word.padStart(10)).join('')}`,
  );
  for (const [at, target] of names.entries()) {
    if (signal.aborted) break;
    const to = Math.floor((count * (at + 1)) / names.length) - Math.floor((count * at) / names.length);
    const tally = await fuzzer.run({ target, seed, from: 0, to }, signal);
    print(row(target, tally));
    for (const { number, error } of tally.failures) {
      const name = { target, seed, number };
      const path = await saveCase(FAILURES, name, targets[target].make(randomOf(seed, target, number)));
      print(`  ${nameOf(name)} (${relative('.', path)})`);
      for (const line of error.split('\n').slice(0, 4)) print(`  ${line}`);
    }
    total.accepted += tally.accepted;
    total.rejected += tally.rejected;
    total.seconds += tally.seconds;
    total.failures.push(...tally.failures);
  }
  print(row('total', total));
  return total.failures.length === 0;
}

function row(name: string, { accepted, rejected, failures, seconds }: Tally): string {
  const numbers = [accepted, rejected, failures.length, Math.round((accepted + rejected) / seconds)];
  return name.padEnd(16) + numbers.map((number) => String(number).padStart(10)).join('');
}

const fuzzer = createFuzzer(new URL('targets.ts', import.meta.url));
outliveListeners();
const interrupt = new AbortController();
process.once('SIGINT', () => interrupt.abort());
try {
  const options = readOptions();
  const count = whole(options.count ?? '10000', 'count', MOST_CASES);
  const seed = whole(options.seed ?? '1', 'seed', LARGEST_SEED);
  const names = options.target === undefined ? Object.keys(targets) : [checkTarget(options.target)];
  const good =
    options.case === undefined
      ? await fuzz(fuzzer, names, count, seed, interrupt.signal)
      : await replay(fuzzer, options.case);
  if (interrupt.signal.aborted) print('interrupted');
  process.exitCode = !good ? 1 : interrupt.signal.aborted ? 130 : 0;
} catch (error) {
  if (!(error instanceof InputError)) throw error;
  say(error.message);
  process.exitCode = 2;
} finally {
  await fuzzer.close();
}
