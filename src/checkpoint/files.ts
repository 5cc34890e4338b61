import { CheckpointError } from '../error.ts';
import { kindOf } from '../file-kind.ts';
import type { ByteSource } from './byte-source.ts';

/** A file that stays open until it is closed. */
export interface FileSource extends ByteSource {
  /** The same for two names of one file. */
  readonly identity: string;
  close(): Promise<void>;
}

/** Files by plain names: a folder on disk, or what a page was given or fetches. */
export interface Folder {
  /** Where it is, for people. */
  readonly path: string;
  readonly files: ReadonlySet<string>;
  /** @throws CheckpointError */
  open(file: string): Promise<FileSource>;
}

/** What a file of a folder is called in errors. */
export const pathIn = ({ path }: Pick<Folder, 'path'>, file: string): string =>
  path.endsWith('/') ? `${path}${file}` : `${path}/${file}`;

/** The whole of a small file, which is closed. @throws CheckpointError, also when it is larger than `most` bytes */
export async function readWhole(file: FileSource, most: number): Promise<Uint8Array> {
  try {
    if (file.size > most) {
      const found = `${file.size} bytes, expected at most ${most}`;
      throw new CheckpointError(file.name, found, 'check that it is the right file');
    }
    return await file.read(0, file.size);
  } finally {
    await file.close();
  }
}

/** Bytes as text. @throws CheckpointError when they are no UTF-8 */
export function decodeText(bytes: Uint8Array, path: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    const { what, remedy } = kindOf(bytes) ?? { what: 'not UTF-8', remedy: 'give a text file' };
    throw new CheckpointError(path, `it is ${what}`, remedy, { cause });
  }
}
