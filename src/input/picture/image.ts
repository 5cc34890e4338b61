/**
 * A picture file to RGB bytes, exactly as `Image.open(file).convert('RGB')` of PIL gives them, and so as the original
 * reads its pictures. What that means where one might expect something else:
 *
 * - EXIF orientation is ignored: a photo that its camera marked as turned is seen lying on its side.
 * - Alpha is dropped and not blended: a transparent pixel has the colour that it hides.
 * - Of 16-bit colours the high byte is kept, but 16-bit grey clips at 255: such a picture is mostly white.
 * - CMYK is inverted as Adobe stores it, and converted without colour profiles; no profile or gamma is applied anywhere.
 * - Of a GIF and of an animated WebP the first frame is read, and what it leaves uncovered is its transparent or first
 *   colour, or black.
 * - A sequential JPEG needs no end marker, a file that ends among its pixels is refused.
 *
 * Measured against Pillow 12.3 (libjpeg-turbo 3.1, libwebp 1.6) on golden/preprocess, golden/pictures and 3,200 files made
 * for the purpose (largest difference in levels, share of differing bytes):
 *
 * | files                        | decoder                       | difference | tried instead                                  |
 * | ---------------------------- | ----------------------------- | ---------- | ---------------------------------------------- |
 * | JPEG                         | libjpeg-turbo 3 (WebAssembly) | none       | mozjpeg: 2 at 4:4:0, 47 where scans are missing |
 * |                              |                               |            | jpeg-js: 120 (95 %) at 4:2:0                    |
 * | JPEG of rare samplings       | mozjpeg (WebAssembly)         | see below  |                                                |
 * | JPEG, CMYK                   | libjpeg-turbo, in two halves  | none       | jpeg-js: 81 (65 %); sharp: 128 (98 %)           |
 * | WebP                         | libwebp (WebAssembly)         | none       |                                                |
 * | PNG                          | decode-png.ts                 | none       | fast-png inflates without bound: 0.4 MB to 1.1 GB |
 * | GIF                          | decode-gif.ts                 | none       | omggif never returns from a crafted file        |
 *
 * What is not exact, all of it JPEG: samplings that TurboJPEG has no name for (3 × 1, 2 × 4, colours finer than the light, …)
 * are exact unless scans are missing (up to 26 levels), or one colour alone is halved vertically (3). The same holds for a
 * CMYK picture's K that is sampled otherwise than C and the others. A CMYK picture whose data are damaged is refused, where
 * PIL goes on. And where damage drives samples far out of range, PIL's vector code saturates and ours wraps.
 *
 * Chromium decodes to the same bytes as Node, because it runs the same code: its own decoders would blend, turn and convert.
 */
import { ImageError } from '../../error.ts';
import type { Picture, Size } from './picture.ts';

export interface PictureLimits {
  /** Largest width × height that is decoded. */
  pixels: number;
  /** Longest width or height: PNG allows a picture of one row and two billion columns. */
  side: number;
}

/** 100 megapixels and a million pixels a side. */
export const defaultLimits: PictureLimits = { pixels: 100e6, side: 1e6 };

/** The pixels of all pictures of one question: each is shrunk when it is decoded, but decoding them takes its time. */
export const maximumTotalPixels = 500e6;

/** The largest encoded picture that is read, in bytes. */
export const maximumFileBytes = 256 * 2 ** 20;

interface Format {
  name: string;
  /** Whether a file that begins so is of this format. */
  begins(start: string): boolean;
  /** Its decoder, loaded with the first picture of its kind: a page fetches no other. */
  load(): Promise<Decoder>;
}

interface Decoder {
  sizeOf(bytes: Uint8Array): Size;
  decode(bytes: Uint8Array<ArrayBuffer>): Uint8Array | Promise<Uint8Array>;
}

const formats: Format[] = [
  {
    name: 'PNG',
    begins: (start) => start.startsWith('\x89PNG\r\n\x1a\n'),
    async load() {
      const { sizeOfPng, decodePng } = await import('./decode-png.ts');
      return { sizeOf: sizeOfPng, decode: decodePng };
    },
  },
  {
    name: 'JPEG',
    begins: (start) => start.startsWith('\xff\xd8\xff'),
    async load() {
      const { sizeOfJpeg, decodeJpeg } = await import('./decode-jpeg.ts');
      return { sizeOf: sizeOfJpeg, decode: decodeJpeg };
    },
  },
  {
    name: 'WebP',
    begins: (start) => /^RIFF....WEBP/s.test(start),
    async load() {
      const { sizeOfWebp, decodeWebp } = await import('./decode-webp.ts');
      return { sizeOf: sizeOfWebp, decode: decodeWebp };
    },
  },
  {
    name: 'GIF',
    begins: (start) => /^GIF8[79]a/.test(start),
    async load() {
      const { sizeOfGif, decodeGif } = await import('./decode-gif.ts');
      return { sizeOf: sizeOfGif, decode: decodeGif };
    },
  },
];

const remedy = 'give another picture, or save it again as PNG or JPEG';

/** @throws ImageError on a file of another kind */
function formatOf(bytes: Uint8Array, name: string): Format {
  if (bytes.length === 0) throw new ImageError(name, 'the file is empty', remedy);
  const start = String.fromCharCode(...bytes.subarray(0, 16));
  const format = formats.find(({ begins }) => begins(start));
  if (!format) throw new ImageError(name, 'neither PNG, JPEG, WebP nor GIF', remedy);
  return format;
}

/** What a decoder throws is about the file: decoders see nothing else. */
function refusal(format: Format, name: string, cause: unknown): ImageError {
  const reason = cause instanceof Error ? cause.message : 'the pixel data are damaged';
  return new ImageError(name, `a ${format.name} file that cannot be decoded (${reason})`, remedy, { cause });
}

/**
 * The size that a picture file declares; nothing is decoded or allocated.
 * @throws ImageError on a broken header, and on a size beyond the limits
 */
export async function sizeOfPicture(
  bytes: Uint8Array,
  name: string,
  limits: PictureLimits = defaultLimits,
): Promise<Size> {
  const format = formatOf(bytes, name);
  const { sizeOf } = await format.load();
  let size: Size;
  try {
    size = sizeOf(bytes);
  } catch (cause) {
    throw refusal(format, name, cause);
  }
  checkSize(size, name, limits);
  return { width: size.width, height: size.height };
}

/**
 * Decodes a PNG, JPEG, WebP or GIF (of the last two the first frame), told apart by their first bytes.
 * @param name what errors call the file
 * @param limits the declared size is checked before anything is allocated
 * @throws ImageError on anything that is not a whole, sound picture of these kinds
 */
export async function decodePicture(
  bytes: Uint8Array,
  name: string,
  limits: PictureLimits = defaultLimits,
): Promise<Picture> {
  const size = await sizeOfPicture(bytes, name, limits);
  const format = formatOf(bytes, name);
  const { decode } = await format.load();
  try {
    // Web interfaces take no shared memory.
    const own = bytes.buffer instanceof ArrayBuffer ? (bytes as Uint8Array<ArrayBuffer>) : new Uint8Array(bytes);
    return { ...size, data: await decode(own) };
  } catch (cause) {
    throw refusal(format, name, cause);
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
