/** Segments of a JPEG written anew. */
import { segmentsOf } from './decode-jpeg-segments.ts';

/**
 * The same picture with a header that gives libjpeg nothing to warn of, since its wrapper takes that for an error: without
 * stray bytes, and of what applications added with that alone which decides on the colours.
 */
export function withPlainHeader(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const parts: Uint8Array[] = [Uint8Array.of(0xff, 0xd8)];
  for (const { marker, data, start, end } of segmentsOf(bytes)) {
    if (marker === 0xda) {
      parts.push(bytes.subarray(start));
      break;
    }
    if (marker === 0xe0 && data.length >= 14 && begins(data, 'JFIF\0')) parts.push(jfifSegment());
    if (marker === 0xee && data.length >= 12 && begins(data, 'Adobe')) parts.push(adobeSegment(data[11]));
    const isOfApplications = (marker >= 0xe0 && marker <= 0xef) || marker === 0xfe;
    if (!isOfApplications) parts.push(bytes.subarray(start, end));
  }
  return concatenate(parts);
}

/** Version 1.1, square pixels, no thumbnail. */
const jfifSegment = () => segment(0xe0, [...ascii('JFIF\0'), 1, 1, 0, 0, 1, 0, 1, 0, 0]);

/** @param transform 0 RGB, 1 YCbCr, 2 YCCK */
export const adobeSegment = (transform: number): Uint8Array =>
  segment(0xee, [...ascii('Adobe'), 0, 100, 0, 0, 0, 0, transform]);

export function segment(marker: number, data: number[]): Uint8Array {
  return Uint8Array.of(0xff, marker, (data.length + 2) >> 8, (data.length + 2) & 0xff, ...data);
}

export function concatenate(parts: Uint8Array[]): Uint8Array<ArrayBuffer> {
  const result = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    result.set(part, at);
    at += part.length;
  }
  return result;
}

const ascii = (text: string) => Array.from(text, (letter) => letter.charCodeAt(0));
const begins = (data: Uint8Array, text: string) => String.fromCharCode(...data.subarray(0, text.length)) === text;
