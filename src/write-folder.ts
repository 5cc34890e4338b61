/** A folder of files is written whole or not at all. */
import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { lstat, mkdir, rename, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { InputError } from './error.ts';
import { type Content, writeWhole } from './write-file.ts';

/** The folder while it is being written. */
export interface OpenFolder {
  /** Where it lies until it is whole. */
  readonly path: string;
  write(name: string, content: Content): Promise<void>;
}

/**
 * Writes a folder that is not there yet: it is written beside, and gets its name when `work` is done. When that fails, or the process is
 * stopped, nothing is left.
 *
 * @param remedy what to do when it cannot be written, for the message
 * @throws InputError
 */
export async function writeFolder<Result>(
  path: string,
  remedy: string,
  work: (folder: OpenFolder) => Promise<Result>,
): Promise<Result> {
  const target = resolve(path);
  const there = await lstat(target).catch(() => undefined);
  if (there) throw new InputError(path, 'it is there already', remedy);
  const temporary = join(dirname(target), `.qvl-${randomBytes(8).toString('hex')}.tmp`);
  const remove = () => rmSync(temporary, { recursive: true, force: true });
  process.on('exit', remove); // Ctrl-C
  try {
    await mkdir(temporary, { recursive: true });
    const write = (name: string, content: Content) => writeWhole(join(temporary, name), content, { remedy });
    const result = await work({ path: temporary, write });
    await rename(temporary, target);
    return result;
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (cause instanceof InputError || code === undefined) throw cause;
    throw new InputError(path, `it cannot be written (${code})`, remedy, { cause });
  } finally {
    process.off('exit', remove);
    await rm(temporary, { recursive: true, force: true }).catch(() => undefined); // what failed before is the error
  }
}
