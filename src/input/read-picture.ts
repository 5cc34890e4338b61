/** Pictures from the file system; a page uses `decodePicture` alone. */
import { constants, open } from 'node:fs/promises';
import { ImageError } from '../error.ts';
import { decodePicture, maximumFileBytes, type Picture, type PictureLimits } from './image.ts';

/** Reads and decodes a picture. @throws ImageError when the path is no readable file, too large, or no sound picture. */
export async function readPicture(path: string, limits?: PictureLimits): Promise<Picture> {
  return decodePicture(await readBounded(path), path, limits);
}

async function readBounded(path: string): Promise<Uint8Array> {
  // 'r' would wait forever at a pipe that nobody writes to: O_NONBLOCK does not, and changes nothing for files.
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK).catch((cause: NodeJS.ErrnoException) => {
    throw unreadable(path, cause);
  });
  try {
    const about = await file.stat();
    if (about.isDirectory()) throw new ImageError(path, 'a folder', 'give the path of one picture');
    if (!about.isFile()) throw new ImageError(path, 'not a regular file', 'give the path of a picture file');
    if (about.size > maximumFileBytes) {
      const megabytes = Math.ceil(about.size / 2 ** 20);
      throw new ImageError(
        path,
        `${megabytes} MB, more than ${maximumFileBytes / 2 ** 20} MB`,
        'make the picture smaller',
      );
    }
    const bytes = new Uint8Array(about.size);
    const { bytesRead } = await file.read(bytes, 0, bytes.length, 0);
    return bytes.subarray(0, bytesRead);
  } catch (cause) {
    throw cause instanceof ImageError ? cause : unreadable(path, cause as NodeJS.ErrnoException);
  } finally {
    await file.close();
  }
}

function unreadable(path: string, cause: NodeJS.ErrnoException): ImageError {
  if (cause.code === 'ENOENT') return new ImageError(path, 'no such file', 'check the path', { cause });
  return new ImageError(path, `cannot be read (${cause.code ?? cause.message})`, 'check its permissions', { cause });
}
