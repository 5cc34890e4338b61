/** The first frame of a GIF (version 89a) to RGB. */
import type { Size } from './picture.ts';

/** Codes have 12 bits at most, so one code stands for at most this many pixels; and it takes at least 3 bits. */
const codes = 4096;
const maximumCompression = (codes * 8) / 3;

/** The canvas: what the header declares, and as in PIL as much more as the first frame needs. @throws Error without a frame */
export function sizeOfGif(bytes: Uint8Array): Size {
  const { left, top, width, height } = findFrame(bytes);
  return { width: Math.max(word(bytes, 6), left + width), height: Math.max(word(bytes, 8), top + height) };
}

/**
 * @returns RGB bytes [height, width, 3]: transparent pixels keep the colour of their index, and what the frame leaves
 *   uncovered has the transparent colour, or else the first, as in PIL.
 * @throws Error when the data are cut or broken.
 */
export function decodeGif(bytes: Uint8Array): Uint8Array {
  const { width, height } = sizeOfGif(bytes);
  const frame = findFrame(bytes);
  if (frame.width * frame.height > bytes.length * maximumCompression) throw new Error('the pixel data are cut');

  const indices = decompress(bytes, frame.data, frame.width * frame.height);
  const canvas = new Uint8Array(width * height * 3);
  const paint = (to: number, index: number) => {
    for (let channel = 0; channel < 3; channel++) canvas[to + channel] = frame.colours[3 * index + channel];
  };
  if (indices.length < width * height) {
    for (let to = 0; to < canvas.length; to += 3) paint(to, frame.transparent);
  }
  let from = 0;
  for (const row of rowOrder(frame.height, frame.interlaced)) {
    const start = (frame.top + row) * width + frame.left;
    for (let column = 0; column < frame.width; column++) paint((start + column) * 3, indices[from++]);
  }
  return canvas;
}

interface Frame {
  left: number;
  top: number;
  width: number;
  height: number;
  interlaced: boolean;
  transparent: number;
  /** RGB of 256 indices. */
  colours: Uint8Array;
  /** Where the compressed indices start. */
  data: number;
}

/** Walks the blocks up to the first image descriptor (section 20); as in PIL, stray bytes between blocks are passed over. */
function findFrame(bytes: Uint8Array): Frame {
  if (bytes.length < 13) throw new Error('the header is cut');
  const table = (flags: number) => (flags & 0x80 ? 2 << (flags & 7) : 0);
  const global = table(bytes[10]);
  let transparent = 0;
  for (let at = 13 + 3 * global; at < bytes.length; ) {
    const kind = bytes[at];
    if (kind === trailer) break;
    if (kind === imageDescriptor) {
      const flags = bytes[at + 9];
      const local = table(flags);
      const data = at + 10 + 3 * local;
      if (data >= bytes.length) break;
      const [left, top, width, height] = [1, 3, 5, 7].map((offset) => word(bytes, at + offset));
      if (width === 0 || height === 0) throw new Error('a first frame without pixels');
      const palettes = [bytes.subarray(at + 10, data), bytes.subarray(13, 13 + 3 * global)];
      const colours = coloursOf(palettes.find((palette) => !palette.every(isGreyOfItsIndex)));
      return { left, top, width, height, interlaced: (flags & 0x40) !== 0, transparent, colours, data };
    }
    if (kind !== extension) {
      at += 1;
      continue;
    }
    const [label, length] = bytes.subarray(at + 1, at + 3);
    if (label === graphicControl && length > 0) {
      const isTransparent = (bytes[at + 3] & 1) !== 0;
      if (length < (isTransparent ? 4 : 3) || at + 6 >= bytes.length) throw new Error('a control block is cut');
      if (isTransparent) transparent = bytes[at + 6];
    }
    at = afterExtension(bytes, at + 2, label);
  }
  throw new Error('the file ends before its first frame');
}

const [imageDescriptor, extension, graphicControl, comment, application, trailer] = [
  0x2c, 0x21, 0xf9, 0xfe, 0xff, 0x3b,
];

/**
 * Where an extension ends whose blocks start at `at`.
 *
 * QUIRK: PIL reads a first block before it looks for the empty one that ends the extension, and of a loop count another. If
 * that was the empty one already, it goes on. Not in a comment.
 */
function afterExtension(bytes: Uint8Array, at: number, label: number): number {
  const next = (from: number) => from + 1 + (bytes[from] ?? 0);
  let end = at;
  if (label !== comment) {
    const loops = label === application && startsWith(bytes.subarray(at + 1, next(at)), 'NETSCAPE2.0');
    end = loops ? next(next(at)) : next(at);
  }
  while (bytes[end]) end = next(end);
  return end + 1;
}

const startsWith = (bytes: Uint8Array, text: string) => String.fromCharCode(...bytes.subarray(0, text.length)) === text;

/** As in PIL, an index outside the palette is black, and without a palette it is a grey. */
function coloursOf(palette: Uint8Array | undefined): Uint8Array {
  if (!palette) return Uint8Array.from({ length: 256 * 3 }, (_, i) => Math.floor(i / 3));
  const colours = new Uint8Array(256 * 3);
  colours.set(palette);
  return colours;
}

/** QUIRK: PIL takes a palette of which this holds throughout for none, were it the frame's own and there a common one. */
const isGreyOfItsIndex = (value: number, i: number) => value === Math.floor(i / 3);

/** LZW with codes of growing width (appendix F): a code names its prefix's code and the index appended to it. */
function decompress(bytes: Uint8Array, start: number, count: number): Uint8Array {
  const rootBits = bytes[start];
  if (rootBits > 12) throw new Error(`no such code size (${rootBits})`);
  const clear = 1 << rootBits;
  const prefix = new Uint16Array(codes);
  const suffix = new Uint8Array(codes);
  const reversed = new Uint8Array(codes);
  const indices = new Uint8Array(count);
  const nextCode = codeReader(bytes, start + 1);
  let bits = rootBits + 1;
  let free = clear + 2;
  let previous = -1;
  let first = 0;
  for (let filled = 0; filled < count; ) {
    const code = nextCode(bits);
    if (code === clear) {
      [bits, free, previous] = [rootBits + 1, clear + 2, -1];
      continue;
    }
    if (code === clear + 1) throw new Error('the pixel data are cut');
    // The one code that may be used before it is complete is the next: its first index is also its last.
    if (code > free || (code >= free && previous < 0)) throw new Error('the pixel data are damaged');
    let length = 0;
    let rest = code;
    if (code === free) {
      reversed[length++] = first;
      rest = previous;
    }
    for (; rest >= clear; rest = prefix[rest]) reversed[length++] = suffix[rest];
    first = rest;
    reversed[length++] = first;
    while (length > 0 && filled < count) indices[filled++] = reversed[--length];
    if (previous >= 0 && free < codes) {
      prefix[free] = previous;
      suffix[free++] = first;
      if (free === 1 << bits && bits < 12) bits += 1;
    }
    previous = code;
  }
  return indices;
}

/** Reads codes, lowest bit first, from blocks of up to 255 bytes. As in PIL, an empty one is no end, and a cut one is nothing. */
function codeReader(bytes: Uint8Array, at: number): (bits: number) => number {
  let left = 0;
  let held = 0;
  let heldBits = 0;
  return (bits) => {
    while (heldBits < bits) {
      while (left === 0 && at < bytes.length) left = bytes[at++];
      if (at + left > bytes.length || left === 0) throw new Error('the pixel data are cut');
      held |= bytes[at++] << heldBits;
      heldBits += 8;
      left -= 1;
    }
    const code = held & ((1 << bits) - 1);
    held >>>= bits;
    heldBits -= bits;
    return code;
  };
}

/** The rows in the order they are stored: an interlaced picture sends every eighth first (appendix E). */
function* rowOrder(height: number, interlaced: boolean): Generator<number> {
  const passes = interlaced ? [[0, 8], [4, 8], [2, 4], [1, 2]] : [[0, 1]]; // biome-ignore format: one pass a pair
  for (const [first, step] of passes) for (let row = first; row < height; row += step) yield row;
}

const word = (bytes: Uint8Array, at: number) => bytes[at] | (bytes[at + 1] << 8);
