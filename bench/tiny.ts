import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { summary, type Timing } from './measure.ts';
import type { TinyTimes } from './tiny-child.ts';

/** The shipped model from end to end, each run in a process of its own. */
export type TinyResult = { readonly threads: number } & { readonly [name in keyof TinyTimes]: Timing };

export function benchTiny(threads: number, runs: number): TinyResult {
  const all = Array.from({ length: runs }, () => once(threads));
  const of = (name: keyof TinyTimes): Timing => summary(all.map((times) => times[name]));
  return {
    threads,
    loading: of('loading'),
    firstToken: of('firstToken'),
    tokensPerSecond: of('tokensPerSecond'),
  };
}

function once(threads: number): TinyTimes {
  const child = fileURLToPath(new URL('tiny-child.ts', import.meta.url));
  const words = [...process.execArgv, '--import', 'tsx', child, String(threads)];
  const { status, stdout, stderr } = spawnSync(process.execPath, words, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`the shipped model does not run: ${stderr.trim()}`);
  return JSON.parse(stdout) as TinyTimes;
}
