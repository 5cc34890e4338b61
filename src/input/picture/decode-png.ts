/** PNG (W3C PNG, third edition) to RGB, row by row: beside the picture itself only two rows are ever held. */

import { inflate } from './decode-png-inflate.ts';

interface Header {
  width: number;
  height: number;
  /** Bits a sample: 1, 2, 4, 8 or 16. */
  depth: number;
  /** 0 grey, 2 RGB, 3 palette, 4 grey + alpha, 6 RGBA. */
  colourType: number;
  interlaced: boolean;
}

const channelsOf: Record<number, number> = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 };
const depthsOf: Record<number, number[]> = { 0: [1, 2, 4, 8, 16], 2: [8, 16], 3: [1, 2, 4, 8], 4: [8, 16], 6: [8, 16] };

/** DEFLATE cannot shrink more than this: 258 bytes for two bits. */
const maximumCompression = 1032;

/** Encoders cut the pixel data every few kilobytes; a file of one-byte chunks would take a hundred times its size. */
const maximumChunks = 2 ** 18;

/** First column and row, and steps, of the seven passes of an interlaced picture (section 8.1). */
const adam7 = [
  { x: 0, y: 0, dx: 8, dy: 8 },
  { x: 4, y: 0, dx: 8, dy: 8 },
  { x: 0, y: 4, dx: 4, dy: 8 },
  { x: 2, y: 0, dx: 4, dy: 4 },
  { x: 0, y: 2, dx: 2, dy: 4 },
  { x: 1, y: 0, dx: 2, dy: 2 },
  { x: 0, y: 1, dx: 1, dy: 2 },
];

/** Width and height as the header declares them. @throws Error on a header that is cut or broken. */
export function sizeOfPng(bytes: Uint8Array): Header {
  const { value: header } = chunksOf(bytes).next();
  if (header?.type !== 'IHDR' || header.data.length !== 13) throw new Error('the header is missing or cut');
  const view = viewOf(header.data);
  const [depth, colourType, compression, filter, interlace] = header.data.subarray(8);
  if (!depthsOf[colourType]?.includes(depth)) throw new Error(`no such colour type (${colourType}, ${depth} bits)`);
  if (compression || filter || interlace > 1) throw new Error('an unknown compression, filter or interlace method');
  return { width: view.getUint32(0), height: view.getUint32(4), depth, colourType, interlaced: interlace === 1 };
}

/**
 * @returns RGB bytes [height, width, 3]. Alpha is dropped. Of 16-bit colours the high byte is kept.
 * @throws Error when the data are cut or broken; what follows the last row is ignored.
 */
export async function decodePng(bytes: Uint8Array): Promise<Uint8Array> {
  const header = sizeOfPng(bytes);
  const { width, height, depth, colourType } = header;
  const bits = channelsOf[colourType] * depth;
  const rowBytes = (columns: number) => Math.ceil((columns * bits) / 8);
  const compressed: Uint8Array<ArrayBuffer>[] = [];
  let colours = colourType === 3 ? undefined : greys(depth);
  for (const { type, data } of chunksOf(bytes)) {
    if (type === 'IDAT') compressed.push(data);
    if (type === 'PLTE' && colourType === 3) colours = paletteOf(data);
  }
  if (!colours) throw new Error('the palette is missing');
  const compressedBytes = compressed.reduce((sum, part) => sum + part.length, 0);
  if (compressedBytes * maximumCompression < rowBytes(width) * height) throw new Error('the pixel data are cut');

  const rgb = new Uint8Array(width * height * 3);
  const passes = header.interlaced ? adam7 : [{ x: 0, y: 0, dx: 1, dy: 1 }];
  const inflated = inflate(compressed);
  try {
    for (const { x, y, dx, dy } of passes) {
      const columns = Math.ceil((width - x) / dx);
      if (columns <= 0) continue;
      let above = new Uint8Array(rowBytes(columns));
      let row = new Uint8Array(rowBytes(columns));
      for (let line = y; line < height; line += dy) {
        const filter = inflated.take(1) ?? (await inflated.fill(1));
        const filtered = inflated.take(row.length) ?? (await inflated.fill(row.length));
        unfilter(filter[0], filtered, row, above, Math.ceil(bits / 8));
        writeRow(row, columns, header, colours, rgb, (line * width + x) * 3, dx * 3);
        [above, row] = [row, above];
      }
    }
  } finally {
    inflated.close();
  }
  return rgb;
}

/** Grey samples of less than 16 bits as RGB, scaled to 0…255. */
function greys(depth: number): Uint8Array {
  const step = 255 / ((1 << Math.min(depth, 8)) - 1);
  return Uint8Array.from({ length: 256 * 3 }, (_, i) => Math.floor(i / 3) * step);
}

/** A palette; as in PIL, an index outside it is black. */
function paletteOf(data: Uint8Array): Uint8Array {
  const table = new Uint8Array(256 * 3);
  table.set(data.subarray(0, table.length));
  return table;
}

/** Undoes one row's filter (section 9.2): each byte was stored minus a prediction from its left, upper and upper left. */
function unfilter(kind: number, filtered: Uint8Array, row: Uint8Array, above: Uint8Array, pixelBytes: number): void {
  if (kind > 4) throw new Error(`no such row filter (${kind})`);
  for (let i = 0; i < row.length; i++) {
    const left = i < pixelBytes ? 0 : row[i - pixelBytes];
    const up = above[i];
    const upLeft = i < pixelBytes ? 0 : above[i - pixelBytes];
    let prediction = 0;
    if (kind === 1) prediction = left;
    else if (kind === 2) prediction = up;
    else if (kind === 3) prediction = (left + up) >> 1;
    else if (kind === 4) prediction = paeth(left, up, upLeft);
    row[i] = filtered[i] + prediction;
  }
}

function paeth(left: number, up: number, upLeft: number): number {
  const [toLeft, toUp, toUpLeft] = [Math.abs(up - upLeft), Math.abs(left - upLeft), Math.abs(left + up - 2 * upLeft)];
  if (toLeft <= toUp && toLeft <= toUpLeft) return left;
  return toUp <= toUpLeft ? up : upLeft;
}

function writeRow(
  row: Uint8Array,
  columns: number,
  { depth, colourType }: Header,
  colours: Uint8Array,
  rgb: Uint8Array,
  start: number,
  step: number,
): void {
  const channels = channelsOf[colourType];
  const bytesPerSample = depth === 16 ? 2 : 1;
  const [green, blue] = channels < 3 ? [0, 0] : [bytesPerSample, 2 * bytesPerSample];
  for (let i = 0, to = start; i < columns; i++, to += step) {
    if (channels === 1) {
      let sample: number;
      // QUIRK: PIL opens 16-bit grey as 32-bit integers, and their conversion to RGB clips at 255 instead of scaling.
      if (depth === 16) sample = row[2 * i] ? 255 : row[2 * i + 1];
      else sample = (row[(i * depth) >> 3] >> (8 - depth - ((i * depth) & 7))) & ((1 << depth) - 1);
      rgb[to] = colours[3 * sample];
      rgb[to + 1] = colours[3 * sample + 1];
      rgb[to + 2] = colours[3 * sample + 2];
    } else {
      const from = i * channels * bytesPerSample;
      rgb[to] = row[from];
      rgb[to + 1] = row[from + green];
      rgb[to + 2] = row[from + blue];
    }
  }
}

/** The chunks up to the end of the file; the last may be cut. @throws Error on a broken checksum of header or palette. */
function* chunksOf(bytes: Uint8Array): Generator<{ type: string; data: Uint8Array<ArrayBuffer> }> {
  const view = viewOf(bytes);
  let count = 0;
  for (let at = 8; at + 12 <= bytes.length; ) {
    if (++count > maximumChunks) throw new Error(`more than ${maximumChunks} chunks`);
    const length = view.getUint32(at);
    const type = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    const data = bytes.subarray(at + 8, at + 8 + length) as Uint8Array<ArrayBuffer>;
    if (type === 'IHDR' || type === 'PLTE') {
      const end = at + 8 + length;
      if (end + 4 > bytes.length) throw new Error(`the ${type} chunk is cut`);
      if (crc32(bytes.subarray(at + 4, end)) !== view.getUint32(end)) throw new Error(`the ${type} chunk is damaged`);
    }
    yield { type, data };
    if (type === 'IEND') return;
    at += 12 + length;
  }
}

/** The checksum of section 5.5, bit by bit: it only runs over the header and the palette. */
function crc32(bytes: Uint8Array): number {
  let crc = ~0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  return ~crc >>> 0;
}

const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
