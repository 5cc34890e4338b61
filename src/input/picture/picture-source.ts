/** Pictures from wherever a caller has them. */

import { inNode } from '../../../tensor/node.ts';
import { ImageError } from '../../error.ts';
import {
  checkSize,
  decodePicture,
  defaultLimits,
  maximumTotalPixels,
  type PictureLimits,
  sizeOfPicture,
} from './image.ts';
import type { Picture, Size } from './picture.ts';
import { resize } from './resize.ts';

/** Pixels that are decoded already, rows from top to bottom; an `ImageData` with `channels: 4` is one. */
export interface RawPixels extends Size {
  /** Bytes [height, width, channels]. */
  readonly data: Uint8Array | Uint8ClampedArray;
  /** 1 grey, 3 RGB, 4 RGBA, whose alpha is dropped as everywhere. */
  readonly channels: 1 | 3 | 4;
}

/** The bytes of a file, a file, a data URL, or pixels. Text is never guessed to be one or the other. */
export type PictureSource = Uint8Array | { readonly path: string } | { readonly dataUrl: string } | RawPixels;

export interface PictureOptions {
  /** What errors call the picture; a path is called by itself. */
  readonly name?: string;
  /** Those that are left out keep their defaults. */
  readonly limits?: Partial<PictureLimits>;
}

/**
 * Opens a picture. Only a path ever opens a file (in Node; a page has none), and nothing is fetched.
 * @throws ImageError for anything but a whole, sound picture within the limits
 */
export async function openPicture(source: PictureSource, options: PictureOptions = {}): Promise<Picture> {
  const limits = { ...defaultLimits, ...options.limits };
  const { bytes, pixels, name } = await contentsOf(source, options.name);
  return bytes ? decodePicture(bytes, name, limits) : fromPixels(pixels, name, limits);
}

/**
 * Opens the pictures of one question, each shrunk to what a model sees before the next is decoded: of sixteen large ones no
 * two are in memory at once. What all of them declare is checked before the first is decoded.
 * @param side the model's `image_size`
 * @param signal when it is aborted, no more are opened
 * @throws ImageError as `openPicture`, and when there are more than 500 megapixels; the signal's reason
 */
export async function openPictures(
  sources: readonly PictureSource[],
  side: number,
  signal?: AbortSignal,
): Promise<Picture[]> {
  let total = 0;
  for (const source of sources) {
    signal?.throwIfAborted();
    const { bytes, pixels, name } = await contentsOf(source);
    const { width, height } = bytes ? await sizeOfPicture(bytes, name) : pixels;
    total += width * height;
    if (total > maximumTotalPixels) {
      const found = `more than ${maximumTotalPixels / 1e6} megapixels with the pictures before it`;
      throw new ImageError(name, found, 'make them smaller, or ask about fewer');
    }
  }
  const pictures: Picture[] = [];
  for (const source of sources) {
    signal?.throwIfAborted();
    pictures.push(resize(await openPicture(source), side));
  }
  return pictures;
}

type Contents = { name: string } & ({ bytes: Uint8Array; pixels?: never } | { bytes?: never; pixels: RawPixels });

/** @throws ImageError for what is none of the kinds, or cannot be read */
async function contentsOf(source: PictureSource, name?: string): Promise<Contents> {
  if (source instanceof Uint8Array) return { bytes: source, name: name ?? 'picture' };
  // Types are forgotten where plain JavaScript calls.
  const { path, dataUrl, data } = (source ?? {}) as { path?: unknown; dataUrl?: unknown; data?: unknown };
  if (typeof path === 'string') {
    if (!inNode) throw new ImageError(path, 'a page opens no files', 'give the bytes of the picture');
    const { readPictureFile } = await import('./read-picture.ts');
    return { bytes: await readPictureFile(path), name: path };
  }
  if (typeof dataUrl === 'string') {
    const { decodeDataUrl } = await import('./data-url.ts');
    return { bytes: decodeDataUrl(dataUrl, name ?? 'data URL'), name: name ?? 'data URL' };
  }
  if (ArrayBuffer.isView(data)) return { pixels: source as RawPixels, name: name ?? 'pixels' };
  const found = 'neither bytes, nor a path, a data URL or pixels';
  throw new ImageError(name ?? 'picture', found, 'give a Uint8Array, { path }, { dataUrl } or pixels');
}

function fromPixels({ width, height, data, channels }: RawPixels, name: string, limits: PictureLimits): Picture {
  if (![width, height].every((side) => Number.isInteger(side) && side >= 0))
    throw new ImageError(name, `a size of ${width} × ${height}`, 'give whole numbers of pixels');
  checkSize({ width, height }, name, limits);
  if (![1, 3, 4].includes(channels)) throw new ImageError(name, `${channels} channels`, 'give 1, 3 or 4');
  const length = width * height * channels;
  if (data.length !== length || data.BYTES_PER_ELEMENT !== 1) {
    const found = `${data.length} values, expected ${length} bytes for ${width} × ${height} × ${channels}`;
    throw new ImageError(name, found, 'give one byte for each channel of each pixel');
  }
  const rgb = new Uint8Array(width * height * 3);
  const [green, blue] = channels === 1 ? [0, 0] : [1, 2];
  for (let from = 0, to = 0; to < rgb.length; from += channels, to += 3) {
    rgb[to] = data[from];
    rgb[to + 1] = data[from + green];
    rgb[to + 2] = data[from + blue];
  }
  return { width, height, data: rgb };
}
