/** Pictures from the file system; a page uses `decodePicture` alone. */
import { constants, open } from 'node:fs/promises';
import { ImageError } from '../../error.ts';
import { quote } from '../../quote.ts';
import { decodePicture, maximumFileBytes, type PictureLimits } from './image.ts';
import type { Picture } from './picture.ts';

/** Reads and decodes a picture. @throws ImageError when the path is no readable file, too large, or no sound picture. */
export async function readPicture(path: string, limits?: PictureLimits): Promise<Picture> {
  return decodePicture(await readPictureFile(path), path, limits);
}

/** The bytes of a picture file. @throws ImageError when the path is no readable file, or too large */
export async function readPictureFile(path: string): Promise<Uint8Array> {
  // 'r' would wait forever at a pipe without a writer: O_NONBLOCK does not, and changes nothing for files.
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
  const scheme = /^(data:|[a-z][\w+.-]*:\/\/)/i.exec(path)?.[0].toLowerCase();
  if (scheme) {
    const [found, remedy] = schemes[scheme] ?? ['a URL, and nothing is fetched', 'save the picture and give its path'];
    return new ImageError(quote(path), found, remedy, { cause });
  }
  if (cause.code === 'ENOENT') return new ImageError(path, 'no such file', 'check the path', { cause });
  return new ImageError(path, `cannot be read (${cause.code ?? cause.message})`, 'check its permissions', { cause });
}

const schemes: Record<string, [found: string, remedy: string]> = {
  'data:': ['a data URL, expected a path', 'give it as { dataUrl }'],
  'file://': ['a file URL, expected a path', 'give what fileURLToPath of node:url makes of it'],
};
