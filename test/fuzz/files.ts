import { readFileSync } from 'node:fs';
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const folder = new URL('../../golden/', import.meta.url);

/** Files of golden/ as bytes, and as text. */
export const golden = (...names: string[]): Uint8Array[] =>
  names.map((name) => new Uint8Array(readFileSync(new URL(name, folder))));
export const goldenText = (...names: string[]): string[] =>
  names.map((name) => readFileSync(new URL(name, folder), 'utf8'));

/** Stands for a file of golden/ that is too large to copy for every case. */
export const link = (name: string) => new URL(name, folder);

/** Does something in a new folder with these files, for what reads by path. */
export async function inFolder(
  files: Readonly<Record<string, Uint8Array | string | URL>>,
  work: (folder: string) => Promise<unknown>,
): Promise<void> {
  const made = await mkdtemp(join(tmpdir(), 'qvl-fuzz-'));
  try {
    for (const [name, content] of Object.entries(files)) {
      const path = join(made, name);
      await (content instanceof URL ? symlink(fileURLToPath(content), path) : writeFile(path, content));
    }
    await work(made);
  } finally {
    await rm(made, { recursive: true, force: true });
  }
}
