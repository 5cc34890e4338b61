import { constants, type FileHandle, open, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { CheckpointError } from '../error.ts';
import { kindOf, TELLING_BYTES } from '../file-kind.ts';
import { checkRange, DAMAGED } from './byte-source.ts';
import { decodeText, type FileSource, type Folder, readWhole } from './files.ts';

/** Node reads at most 2³¹ − 1 bytes at once. */
const MOST_AT_ONCE = 1 << 30;

/**
 * Opens a regular file for reading by ranges: the one way that anything but a picture is opened.
 *
 * @throws CheckpointError
 */
export async function openFile(path: string): Promise<FileSource> {
  const notRegular = () => new CheckpointError(path, 'it is no regular file', 'name a file');
  try {
    // Asked first, because opening a device can do something.
    if (!(await stat(path)).isFile()) throw notRegular();
    // Opening a pipe that has come in its place would wait for its other end.
    const handle = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
    try {
      const about = await handle.stat({ bigint: true });
      if (!about.isFile()) throw notRegular();
      // Where a file system does not number its files, their names tell them apart.
      const identity = about.ino === 0n ? path : `${about.dev}:${about.ino}`;
      return fileSource(handle, path, Number(about.size), identity);
    } catch (error) {
      await handle.close();
      throw error;
    }
  } catch (error) {
    throw asCheckpointError(error, path);
  }
}

/** The whole of a small file. @throws CheckpointError, also when it is larger than `most` bytes */
export const readSmallFile = async (path: string, most: number): Promise<Uint8Array> =>
  readWhole(await openFile(path), most);

/** A text file. @throws CheckpointError when it cannot be read, is no UTF-8, or is larger than `most` bytes */
export const readText = async (path: string, most: number): Promise<string> =>
  decodeText(await readSmallFile(path, most), path);

/** A folder on disk. @throws CheckpointError */
export async function openFolder(path: string): Promise<Folder> {
  try {
    if (!(await stat(path)).isDirectory()) throw await fileInPlaceOfFolder(path);
    return { path, files: new Set(await readdir(path)), open: (file) => openFile(join(path, file)) };
  } catch (error) {
    throw asCheckpointError(error, path);
  }
}

/** The error for a file in place of a folder. */
async function fileInPlaceOfFolder(path: string): Promise<CheckpointError> {
  const file = await openFile(path);
  try {
    const kind = kindOf(await file.read(0, Math.min(TELLING_BYTES, file.size)));
    const found = `it is a file, expected a folder${kind ? ` (${kind.what})` : ''}`;
    return new CheckpointError(path, found, 'name the folder that holds config.json');
  } finally {
    await file.close();
  }
}

function fileSource(handle: FileHandle, name: string, size: number, identity: string): FileSource {
  return {
    name,
    size,
    identity,
    async read(offset, length) {
      checkRange({ name, size }, offset, length);
      try {
        const bytes = new Uint8Array(length);
        for (let done = 0; done < length; ) {
          const most = Math.min(length - done, MOST_AT_ONCE);
          const { bytesRead } = await handle.read(bytes, done, most, offset + done);
          if (bytesRead === 0) throw new CheckpointError(name, 'it became shorter while it was read', DAMAGED);
          done += bytesRead;
        }
        return bytes;
      } catch (error) {
        throw asCheckpointError(error, name);
      }
    },
    close: () => handle.close(),
  };
}

/** A fault of the file system, or of the memory for what is read, in one line. */
export function asCheckpointError(error: unknown, path: string): CheckpointError {
  if (error instanceof CheckpointError) return error;
  if (error instanceof RangeError) {
    return new CheckpointError(path, 'there is not enough memory to read it', 'free some', { cause: error });
  }
  const code = (error as NodeJS.ErrnoException).code;
  const found = code === 'ENOENT' ? 'there is no such file' : `cannot be read (${code})`;
  return new CheckpointError(path, found, 'check the path and its permissions', { cause: error });
}
