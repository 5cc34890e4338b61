/** WebP (RFC 9649), lossy and lossless, to RGB: a still picture, or the first frame of an animation on its canvas. */
import { runLibwebp } from './decode-wasm.ts';
import type { Size } from './picture.ts';

/** The canvas as the first chunk declares it. @throws Error on a file that is cut, or that libwebp would refuse to take apart. */
export function sizeOfWebp(bytes: Uint8Array): Size {
  return takeApart(bytes).canvas;
}

/**
 * @returns RGB bytes [height, width, 3]. As libwebp's animation decoder has it, and so PIL, a first frame is not blended with
 *   the background, whatever that is: what it leaves uncovered is black.
 * @throws when the data are cut or broken.
 */
export async function decodeWebp(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  const { canvas, frame, animated } = takeApart(bytes);
  if (!animated) return runLibwebp(bytes, canvas);
  const pixels = await runLibwebp(stillOf(bytes, frame), frame);
  if (frame.width === canvas.width && frame.height === canvas.height) return pixels;
  const rgb = new Uint8Array(canvas.width * canvas.height * 3);
  for (let row = 0; row < frame.height; row++) {
    const to = (frame.top + row) * canvas.width + frame.left;
    rgb.set(pixels.subarray(row * frame.width * 3, (row + 1) * frame.width * 3), to * 3);
  }
  return rgb;
}

/** Chunks that hold one picture: its alpha, if that is apart, and its pixels. */
interface Chunks extends Size {
  start: number;
  end: number;
  alpha: boolean;
}

interface Frame extends Chunks {
  left: number;
  top: number;
}

const [animationFlag, alphaFlag] = [0x02, 0x10];

/** Walks the chunks to the end: libwebp refuses what is broken anywhere, even behind the first frame. */
function takeApart(bytes: Uint8Array): { canvas: Size; frame: Frame; animated: boolean } {
  const reader = readerOf(bytes);
  const { end } = reader.chunk(0, bytes.length);
  const type = reader.type(12);
  if (type !== 'VP8X') {
    const frame = { ...picture(reader, 12, end), left: 0, top: 0 };
    if (frame.end < end) reader.header(frame.end, end);
    return { canvas: frame, frame, animated: false };
  }
  const header = reader.chunk(12, end);
  if (header.end - header.start !== 10) throw new Error('the header is damaged');
  const animated = (bytes[header.start] & animationFlag) !== 0;
  const canvas = { width: 1 + reader.uint24(header.start + 4), height: 1 + reader.uint24(header.start + 7) };
  const frames: Frame[] = [];
  let settings = false;
  for (let at = header.end; at < end; ) {
    const chunk = reader.chunk(at, end);
    const kind = reader.type(at);
    at = chunk.end;
    if (kind === 'VP8X') throw new Error('the header is damaged');
    if (kind === 'ANIM') {
      if (chunk.end - chunk.start < 6) throw new Error('the settings of the animation are cut');
      settings = true;
    } else if (kind === 'ANMF') {
      if (!settings) throw new Error('an animation without settings');
      const frame = frameOf(reader, chunk, end);
      if (animated && frame) frames.push(frame);
      at = frame?.end ?? chunk.start + frameHeader;
    } else if (imageKinds.includes(kind)) {
      if (animated || settings || frames.length > 0) throw new Error('a picture beside the frames');
      frames.push({ ...picture(reader, chunk.start - 8, end), left: 0, top: 0 });
      at = frames[0].end;
    }
  }
  if (frames.length === 0) throw new Error('there is no picture in it');
  for (const { left, top, width, height } of frames) {
    const fits = left + width <= canvas.width && top + height <= canvas.height;
    const fills = width === canvas.width && height === canvas.height;
    if (!(animated ? fits : fills)) throw new Error('a frame of another size than the canvas');
  }
  return { canvas, frame: frames[0], animated };
}

const imageKinds = ['ALPH', 'VP8 ', 'VP8L'];
const frameHeader = 16;

/**
 * A frame of an animation; its offsets are stored halved. As in libwebp its size is that of its picture, whatever it says,
 * and without a picture it is none.
 */
function frameOf(reader: Reader, chunk: { start: number; end: number }, end: number): Frame | undefined {
  const at = chunk.start + frameHeader;
  if (at > chunk.end) throw new Error('a frame is cut');
  reader.header(at, end);
  if (!imageKinds.includes(reader.type(at))) return undefined;
  const chunks = picture(reader, at, end);
  if (chunks.end > chunk.end) throw new Error('a frame is cut');
  return { ...chunks, left: 2 * reader.uint24(chunk.start), top: 2 * reader.uint24(chunk.start + 3) };
}

/** The chunks of one picture, which start at `start`. */
function picture(reader: Reader, start: number, end: number): Chunks {
  const first = reader.chunk(start, end);
  const alpha = reader.type(start) === 'ALPH';
  const at = alpha ? first.end : start;
  const pixels = reader.chunk(at, end);
  return { start, end: pixels.end, alpha, ...reader.size(at, pixels.end) };
}

/** A file of its own for a frame's chunks. */
function stillOf(bytes: Uint8Array, { start, end, alpha, width, height }: Frame): Uint8Array<ArrayBuffer> {
  const chunks = bytes.subarray(start, end);
  const header = alpha ? 18 : 0;
  const file = new Uint8Array(12 + header + chunks.length);
  const view = new DataView(file.buffer);
  file.set(ascii('RIFF'));
  view.setUint32(4, file.length - 8, true);
  file.set(ascii('WEBP'), 8);
  if (alpha) {
    file.set(ascii('VP8X'), 12);
    view.setUint32(16, 10, true);
    file[20] = alphaFlag;
    for (let byte = 0; byte < 3; byte++) {
      file[24 + byte] = (width - 1) >> (8 * byte);
      file[27 + byte] = (height - 1) >> (8 * byte);
    }
  }
  file.set(chunks, 12 + header);
  return file;
}

const ascii = (text: string) => Uint8Array.from(text, (letter) => letter.charCodeAt(0));

type Reader = ReturnType<typeof readerOf>;

function readerOf(bytes: Uint8Array) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const uint24 = (at: number) => view.getUint16(at, true) | (bytes[at + 2] << 16);
  const type = (at: number) => String.fromCharCode(...bytes.subarray(at, at + 4));
  /** @throws Error when less than a chunk's type and length are left */
  const header = (at: number, end: number) => {
    if (at + 8 > end) throw new Error('the file is cut');
  };
  return {
    uint24,
    type,
    header,
    /** Where the contents of a chunk start, and where the next begins: at an even place. @throws Error beyond `end` */
    chunk(at: number, end: number): { start: number; end: number } {
      header(at, end);
      const length = view.getUint32(at + 4, true);
      const next = at + 8 + length + (at > 0 ? length % 2 : 0);
      if (next > end) throw new Error('the file is cut');
      return { start: at + 8, end: next };
    },
    /** What a chunk of pixels says of its size. */
    size(at: number, end: number): Size {
      const data = at + 8;
      if (type(at) === 'VP8L' && end - data >= 5 && bytes[data] === 0x2f) {
        const sizes = view.getUint32(data + 1, true);
        return { width: 1 + (sizes & 0x3fff), height: 1 + ((sizes >> 14) & 0x3fff) };
      }
      if (type(at) === 'VP8 ' && end - data >= 10 && uint24(data + 3) === 0x2a019d)
        return { width: view.getUint16(data + 6, true) & 0x3fff, height: view.getUint16(data + 8, true) & 0x3fff };
      throw new Error('the header is damaged');
    },
  };
}
