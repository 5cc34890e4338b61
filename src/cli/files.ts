import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { InputError } from '../error.ts';

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
