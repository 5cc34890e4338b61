import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { vi } from 'vitest';
import { OPTIONS, type Options } from '../../src/cli/options.ts';

/** A file or folder of the shipped goldens. */
export const golden = (name: string) => resolve('golden', name);

/** How a command ended. */
export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The command as a user runs it, in a folder. */
export function qvl(cwd: string, ...words: string[]): Promise<Ended> {
  return new Promise((done) => {
    execFile(process.execPath, [resolve('src/cli/qvl.mjs'), ...words], { cwd }, (error, stdout, stderr) =>
      done({ code: error ? Number(error.code) : 0, stdout, stderr }),
    );
  });
}

/** The same in this process, which saves a second: what it prints, and what it throws or leaves as exit code. */
export async function qvlHere(
  command: (words: string[], options: Options) => Promise<void>,
  ...args: string[]
): Promise<Ended> {
  const printed: string[] = [];
  const said: string[] = [];
  const log = vi.spyOn(console, 'log').mockImplementation((line) => void printed.push(`${line}\n`));
  const error = vi.spyOn(console, 'error').mockImplementation((line) => void said.push(`${line}\n`));
  const write = vi.spyOn(process.stderr, 'write').mockImplementation((text) => said.push(String(text)) > 0);
  const before = process.exitCode;
  process.exitCode = 0;
  try {
    const { values, positionals } = parseArgs({ args, options: OPTIONS, allowPositionals: true });
    await command(positionals, values);
    return { code: Number(process.exitCode), stdout: printed.join(''), stderr: said.join('') };
  } finally {
    process.exitCode = before;
    for (const spy of [log, error, write]) spy.mockRestore();
  }
}
