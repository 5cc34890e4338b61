import { ImageError } from '../../error.ts';
import { maximumFileBytes } from '../../input/picture/image.ts';
import type { Picture } from '../../input/picture/picture.ts';
import { openPicture, type RawPixels } from '../../input/picture/picture-source.ts';
import { resize } from '../../input/picture/resize.ts';
import { shorten, visible } from '../../quote.ts';
import type { Context } from './service.ts';

/** A picture of somebody's own, as little of it as is needed. */
export interface Seen {
  /** Fit to be shown: what would turn writing or hide in it is spelled out. */
  readonly name: string;
  /** Of all the rest: 32 hexadecimal digits of SHA-256. */
  readonly hash: string;
  /** What the model sees. */
  readonly pixels: RawPixels;
  /** A PNG to look at: what was decoded, in its own form, its longer side at most `VIEW`. */
  readonly view: Blob;
}

/** The side of the published model's pictures. */
const VIEW = 448;

/**
 * Reads a picture and shrinks it to what the model sees, and to what is enough to look at. Neither shows what the model does not
 * see: a rotation in EXIF is ignored, and alpha dropped.
 *
 * @throws ImageError
 */
export async function see(
  { name, source }: { readonly name: string; readonly source: Blob | ImageBitmap },
  context: Context<never>,
): Promise<Seen> {
  const shown = visible(shorten(name, 80));
  const given = source instanceof Blob ? await bytesOf(source, shown) : pixelsOf(source);
  const picture = await openPicture(given, { name: shown });
  const pixels = resize(picture, context.side() ?? VIEW);
  const view = await viewOf(picture);
  return {
    name: shown,
    hash: await hashOf(pixels, `${picture.width} ${picture.height} ${shown}`),
    pixels: { ...pixels, channels: 3 },
    view,
  };
}

/** @throws ImageError */
async function bytesOf(file: Blob, name: string): Promise<Uint8Array> {
  if (file.size > maximumFileBytes) {
    const found = `${Math.ceil(file.size / 2 ** 20)} MB, more than ${maximumFileBytes / 2 ** 20} MB`;
    throw new ImageError(name, found, 'make the picture smaller');
  }
  const bytes = await file.arrayBuffer().catch((cause: unknown) => {
    throw new ImageError(name, 'it cannot be read', 'give a picture that is still there', { cause });
  });
  return new Uint8Array(bytes);
}

/** A camera's picture; here, where nobody waits for it, and not in the page. */
function pixelsOf(bitmap: ImageBitmap): RawPixels {
  const { width, height } = bitmap;
  const context = new OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true })!;
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  return { width, height, data: context.getImageData(0, 0, width, height).data, channels: 4 };
}

async function viewOf(picture: Picture): Promise<Blob> {
  const { data } = resize(picture, VIEW);
  const square = new ImageData(VIEW, VIEW);
  for (let i = 0; i < VIEW * VIEW; i++) {
    for (let channel = 0; channel < 3; channel++) square.data[4 * i + channel] = data[3 * i + channel];
    square.data[4 * i + 3] = 255;
  }
  const longer = Math.max(picture.width, picture.height);
  const side = (own: number) => Math.max(1, Math.round((own * Math.min(VIEW, longer)) / longer));
  const canvas = new OffscreenCanvas(side(picture.width), side(picture.height));
  const whole = new OffscreenCanvas(VIEW, VIEW);
  whole.getContext('2d')!.putImageData(square, 0, 0);
  canvas.getContext('2d')!.drawImage(whole, 0, 0, canvas.width, canvas.height);
  return canvas.convertToBlob();
}

async function hashOf({ data }: Picture, about: string): Promise<string> {
  const words = new TextEncoder().encode(about);
  const all = new Uint8Array(data.length + words.length);
  all.set(data);
  all.set(words, data.length);
  // A page that is not secure has no hashes: there it is kept under a number of its own.
  const hash = crypto.subtle
    ? new Uint8Array(await crypto.subtle.digest('SHA-256', all))
    : crypto.getRandomValues(new Uint8Array(16));
  return Array.from(hash.subarray(0, 16), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
