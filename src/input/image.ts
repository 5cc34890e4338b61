/**
 * A picture file to RGB bytes, exactly as `Image.open(file).convert('RGB')` of PIL gives them, and so as the original
 * reads its pictures. What that means where one might expect something else:
 *
 * - EXIF orientation is ignored: a photo that its camera marked as turned is seen lying on its side.
 * - Alpha is dropped and not blended: a transparent pixel has the colour that it hides.
 * - Of 16-bit colours the high byte is kept, but 16-bit grey clips at 255: such a picture is mostly white.
 * - CMYK is inverted as Adobe stores it, and converted without colour profiles; no profile or gamma is applied anywhere.
 * - Of a GIF the first frame is read; an animated WebP, which PIL would open too, is refused.
 *
 * Measured against Pillow 9.4 on golden/preprocess (largest difference in levels, share of differing bytes):
 *
 * | files              | decoder                    | difference | tried instead                                       |
 * | ------------------ | -------------------------- | ---------- | --------------------------------------------------- |
 * | JPEG, 4            | mozjpeg (WebAssembly)      | none       | jpeg-js: 3 (50 %) at 4:4:4, 120 (95 %) at 4:2:0      |
 * | JPEG, CMYK, 1      | mozjpeg, in two halves     | none       | jpeg-js: 81 (65 %); sharp: 128 (98 %)                |
 * | WebP, 2            | libwebp (WebAssembly)      | none       |                                                     |
 * | PNG, 11            | decode-png.ts              | none       | fast-png inflates without bound: 0.4 MB to 1.1 GB    |
 * | GIF, 1             | decode-gif.ts              | none       | omggif never returns from a crafted file             |
 *
 * Against Pillow 11.3, the 35 files of golden/pictures: no difference either. Chromium decodes all of golden/preprocess to
 * the same bytes as Node, because it runs the same code: its own decoders would blend, turn and convert.
 */
import { ImageError } from '../error.ts';
import { decodeGif, sizeOfGif } from './decode-gif.ts';
import { decodeJpeg, sizeOfJpeg } from './decode-jpeg.ts';
import { decodePng, sizeOfPng } from './decode-png.ts';
import { decodeWebp, sizeOfWebp } from './decode-webp.ts';

export interface Size {
  width: number;
  height: number;
}

/** An RGB picture. */
export interface Picture extends Size {
  /** Bytes [height, width, 3], rows from top to bottom. */
  data: Uint8Array;
}

export interface PictureLimits {
  /** Largest width × height that is decoded. */
  pixels: number;
  /** Longest width or height: PNG allows a picture of one row and two billion columns. */
  side: number;
}

/** 100 megapixels and a million pixels a side. */
export const defaultLimits: PictureLimits = { pixels: 100e6, side: 1e6 };

/** The largest encoded picture that is read, in bytes. */
export const maximumFileBytes = 256 * 2 ** 20;

interface Format {
  name: string;
  /** Whether a file that begins so is of this format. */
  begins(start: string): boolean;
  sizeOf(bytes: Uint8Array): Size;
  decode(bytes: Uint8Array<ArrayBuffer>): Uint8Array | Promise<Uint8Array>;
}

const formats: Format[] = [
  { name: 'PNG', begins: (start) => start.startsWith('\x89PNG\r\n\x1a\n'), sizeOf: sizeOfPng, decode: decodePng },
  { name: 'JPEG', begins: (start) => start.startsWith('\xff\xd8\xff'), sizeOf: sizeOfJpeg, decode: decodeJpeg },
  { name: 'WebP', begins: (start) => /^RIFF....WEBP/s.test(start), sizeOf: sizeOfWebp, decode: decodeWebp },
  { name: 'GIF', begins: (start) => /^GIF8[79]a/.test(start), sizeOf: sizeOfGif, decode: decodeGif },
];

const remedy = 'give another picture, or save it again as PNG or JPEG';

/**
 * Decodes a PNG, JPEG, WebP or GIF (its first frame), told apart by their first bytes.
 * @param name what errors call the file
 * @param limits the declared size is checked before anything is allocated
 * @throws ImageError on anything that is not a whole, sound picture of these kinds
 */
export async function decodePicture(
  bytes: Uint8Array,
  name: string,
  limits: PictureLimits = defaultLimits,
): Promise<Picture> {
  if (bytes.length === 0) throw new ImageError(name, 'the file is empty', remedy);
  const start = String.fromCharCode(...bytes.subarray(0, 16));
  const format = formats.find(({ begins }) => begins(start));
  if (!format) throw new ImageError(name, 'neither PNG, JPEG, WebP nor GIF', remedy);

  // Whatever a decoder throws is about the file: decoders see nothing else.
  const refuse = (cause: unknown) => {
    const reason = cause instanceof Error ? cause.message : 'the pixel data are damaged';
    return new ImageError(name, `a ${format.name} file that cannot be decoded (${reason})`, remedy, { cause });
  };
  let size: Size;
  try {
    size = format.sizeOf(bytes);
  } catch (cause) {
    throw refuse(cause);
  }
  const { width, height } = size;
  checkSize(size, name, limits);
  try {
    // Web interfaces take no shared memory.
    const own = bytes.buffer instanceof ArrayBuffer ? (bytes as Uint8Array<ArrayBuffer>) : new Uint8Array(bytes);
    return { width, height, data: await format.decode(own) };
  } catch (cause) {
    throw refuse(cause);
  }
}

/** @throws ImageError when a picture of that size is empty or beyond the limits */
export function checkSize({ width, height }: Size, name: string, limits: PictureLimits): void {
  if (width === 0 || height === 0) throw new ImageError(name, `a size of ${width} × ${height} pixels`, remedy);
  if (width * height > limits.pixels) {
    const found = `${width} × ${height} pixels, more than ${limits.pixels / 1e6} megapixels`;
    throw new ImageError(name, found, 'make it smaller');
  }
  if (Math.max(width, height) > limits.side) {
    throw new ImageError(name, `${width} × ${height} pixels, a side longer than ${limits.side}`, 'make it smaller');
  }
}
