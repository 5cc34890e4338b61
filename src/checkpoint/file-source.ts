import { type FileHandle, open, stat } from 'node:fs/promises';
import { CheckpointError } from '../error.ts';
import { type ByteSource, checkRange, DAMAGED } from './byte-source.ts';

/** Node reads at most 2³¹ − 1 bytes at once. */
const MOST_AT_ONCE = 1 << 30;

export interface FileSource extends ByteSource {
  close(): Promise<void>;
}

/**
 * Opens a regular file for reading by ranges.
 *
 * @throws CheckpointError
 */
export async function openFile(path: string): Promise<FileSource> {
  try {
    // Asked first, because opening a pipe waits for its other end.
    if (!(await stat(path)).isFile()) throw new CheckpointError(path, 'it is no regular file', 'name a file');
    const handle = await open(path, 'r');
    const { size } = await handle.stat();
    return fileSource(handle, path, size);
  } catch (error) {
    throw asCheckpointError(error, path);
  }
}

/** The whole of a small file. @throws CheckpointError, also when it is larger than `most` bytes */
export async function readSmallFile(path: string, most: number): Promise<Uint8Array> {
  const file = await openFile(path);
  try {
    if (file.size > most) {
      throw new CheckpointError(
        path,
        `${file.size} bytes, expected at most ${most}`,
        'check that it is the right file',
      );
    }
    return await file.read(0, file.size);
  } finally {
    await file.close();
  }
}

function fileSource(handle: FileHandle, name: string, size: number): FileSource {
  return {
    name,
    size,
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
