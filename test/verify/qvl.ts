import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import { vi } from 'vitest';
import { readArguments } from '../../src/cli/arguments.ts';
import type { Options } from '../../src/cli/options.ts';

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
  const out = vi.spyOn(process.stdout, 'write').mockImplementation((text) => printed.push(String(text)) > 0);
  const err = vi.spyOn(process.stderr, 'write').mockImplementation((text) => said.push(String(text)) > 0);
  const before = process.exitCode;
  process.exitCode = 0;
  try {
    const { words, options } = readArguments(['the command', ...args]);
    await command(words, options);
    return { code: Number(process.exitCode), stdout: printed.join(''), stderr: said.join('') };
  } finally {
    process.exitCode = before;
    for (const spy of [out, err]) spy.mockRestore();
  }
}
