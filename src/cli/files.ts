import { readSmallFile } from '../checkpoint/file-source.ts';
import { InputError } from '../error.ts';
import { type Content, writeWhole } from '../write-file.ts';

/** A text file. @throws CheckpointError when it cannot be read, is no UTF-8, or is larger than `most` bytes */
export async function readText(path: string, most: number): Promise<string> {
  const bytes = await readSmallFile(path, most);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new InputError(path, 'it is not UTF-8', 'give a text file', { cause });
  }
}

/** Writes a file that was asked for, whole or not at all. @throws InputError naming the option to change */
export const save = (path: string, content: Content, option: string): Promise<void> =>
  writeWhole(path, content, { remedy: `choose another file with ${option}` });
