/** WebP (RFC 9649), lossy and lossless, to RGB. */
import { runLibwebp } from './decode-wasm.ts';
import type { Size } from './image.ts';

/** Width and height as the first chunk declares them. @throws Error on a header that is cut, broken, or an animation's. */
export function sizeOfWebp(bytes: Uint8Array): Size {
  if (bytes.length < 30) throw new Error('the header is cut');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint32(4, true) + 8 > bytes.length) throw new Error('the file is cut');
  const chunk = String.fromCharCode(...bytes.subarray(12, 16));
  if (chunk === 'VP8 ') return { width: view.getUint16(26, true) & 0x3fff, height: view.getUint16(28, true) & 0x3fff };
  if (chunk === 'VP8L') {
    const sizes = view.getUint32(21, true);
    return { width: 1 + (sizes & 0x3fff), height: 1 + ((sizes >> 14) & 0x3fff) };
  }
  if (chunk !== 'VP8X') throw new Error('the header is damaged');
  if (bytes[20] & 0x02) throw new Error('it is an animation');
  const uint24 = (at: number) => view.getUint16(at, true) | (bytes[at + 2] << 16);
  return { width: 1 + uint24(24), height: 1 + uint24(27) };
}

/** @returns RGB bytes [height, width, 3]. @throws when the data are cut or broken. */
export async function decodeWebp(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  return runLibwebp(bytes, sizeOfWebp(bytes));
}
