import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { readSmallFile } from '../checkpoint/file-source.ts';
import { InputError } from '../error.ts';

/** A text file. @throws CheckpointError when it cannot be read, is no UTF-8, or is larger than `most` bytes */
export async function readText(path: string, most: number): Promise<string> {
  const bytes = await readSmallFile(path, most);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new InputError(path, 'it is not UTF-8', 'give a text file', { cause });
  }
}

/** Writes a file that was asked for, and its folder. @throws InputError naming the option to change */
export async function save(path: string, data: string | Uint8Array, option: string): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, data);
  } catch (cause) {
    const found = `cannot be written (${(cause as NodeJS.ErrnoException).code})`;
    throw new InputError(path, found, `choose another file with ${option}`, { cause });
  }
}
