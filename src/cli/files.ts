import { type Content, writeWhole } from '../write-file.ts';

/** Writes a file that was asked for, whole or not at all. @throws InputError naming the option to change */
export const save = (path: string, content: Content, option: string): Promise<void> =>
  writeWhole(path, content, { remedy: `choose another file with ${option}` });
