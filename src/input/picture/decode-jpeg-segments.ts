/** The segments of a JPEG file (T.81 annex B) and its frame header. */
import type { Size } from './picture.ts';

export interface JpegSegment {
  /** Second byte of the marker: 0xc4 Huffman tables, 0xda start of a scan, 0xd9 end of the picture, … */
  marker: number;
  /** The parameters, after their length; empty for markers that stand alone. */
  data: Uint8Array;
  /** Where the marker starts, and where the parameters end: for a scan, where its compressed data start. */
  start: number;
  end: number;
}

export interface JpegFrame extends Size {
  progressive: boolean;
  /** Identifier and sampling factors of each component. */
  components: { id: number; h: number; v: number }[];
  maximumH: number;
  maximumV: number;
  /** What Adobe's segment says of the colours: 0 as they are, 1 YCbCr, 2 YCCK; undefined without one. */
  adobeTransform: number | undefined;
}

/** Scans, tables and what cameras add come to a few hundred at most. */
const maximumSegments = 4096;

export interface JpegScan {
  /** `tableKeys` is as it stands in the file: DC table · 16 + AC table. */
  components: { id: number; index: number; tableKeys: number }[];
  /** The first coefficient in zigzag order is 0; the last is 63 in a sequential picture. */
  last: number;
  /** A progressive scan that adds a bit to means already sent. */
  refines: boolean;
}

/** The scan header (T.81 B.2.3). @throws Error when it is damaged */
export function readScan(data: Uint8Array, frame: JpegFrame): JpegScan {
  const count = data[0];
  if (data.length < 4 || data.length !== 4 + 2 * count) throw new Error('a scan header is damaged');
  const components = Array.from({ length: count }, (_, i) => {
    const [id, tableKeys] = data.subarray(1 + 2 * i);
    const index = frame.components.findIndex((component) => component.id === id);
    if (index < 0) throw new Error('a scan header is damaged');
    return { id, index, tableKeys };
  });
  const last = frame.progressive ? data[data.length - 2] : 63;
  if (frame.progressive && count > 1 && last > 0) throw new Error('a scan header is damaged');
  return { components, last, refines: frame.progressive && data[data.length - 1] >> 4 > 0 };
}

/**
 * Walks the segments up to the end marker or the end of the file, stepping over compressed data. Behind a scan it also ends
 * at a segment that is cut or damaged. @throws Error when one before it is
 */
export function* segmentsOf(bytes: Uint8Array): Generator<JpegSegment> {
  let count = 0;
  let scanned = false;
  for (let start = nextMarker(bytes, 2); start >= 0; ) {
    if (++count > maximumSegments) throw new Error(`more than ${maximumSegments} segments`);
    const marker = bytes[start + 1];
    const alone = marker === 0xd9 || marker === 0x01 || isRestart(marker);
    const length = alone ? 0 : (bytes[start + 2] << 8) | bytes[start + 3];
    const end = start + 2 + length;
    if (end > bytes.length || (!alone && !(length >= 2))) {
      if (scanned) return;
      throw new Error('a segment is cut or damaged');
    }
    scanned ||= marker === 0xda;
    yield { marker, data: alone ? new Uint8Array(0) : bytes.subarray(start + 4, end), start, end };
    if (marker === 0xd9) return;
    start = nextMarker(bytes, end);
  }
}

/** Where the next marker starts, or −1: 0xff and a code. In compressed data 0xff 0x00 is a byte, and restarts are not the end. */
export function nextMarker(bytes: Uint8Array, from: number): number {
  for (let at = bytes.indexOf(0xff, from); at >= 0 && at + 1 < bytes.length; at = bytes.indexOf(0xff, at + 1)) {
    const code = bytes[at + 1];
    if (code !== 0 && code !== 0xff && !isRestart(code)) return at;
  }
  return -1;
}

/** The frame header (B.2.2) and what precedes it. @throws Error when it is missing, broken, or of an unsupported coding. */
export function readFrame(bytes: Uint8Array): JpegFrame {
  let adobeTransform: number | undefined;
  for (const { marker, data } of segmentsOf(bytes)) {
    if (marker === 0xee && data.length >= 12 && String.fromCharCode(...data.subarray(0, 5)) === 'Adobe') {
      adobeTransform = data[11];
    }
    if (marker === 0xda || marker === 0xd9) break;
    const isFrame = marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc;
    if (!isFrame) continue;
    if (marker > 0xc2) throw new Error('lossless, hierarchical or arithmetic coding');
    const count = data[5];
    if (data.length < 6 || data.length !== 6 + 3 * count) throw new Error('the header is damaged');
    if (data[0] !== 8) throw new Error(`${data[0]} bits a sample, not 8`);
    if (![1, 3, 4].includes(count)) throw new Error(`${count} components`);
    const components = Array.from({ length: count }, (_, i) => {
      const [id, factors] = data.subarray(6 + 3 * i);
      return { id, h: factors >> 4, v: factors & 15 };
    });
    if (components.some(({ h, v }) => h < 1 || h > 4 || v < 1 || v > 4)) throw new Error('the header is damaged');
    return {
      width: (data[3] << 8) | data[4],
      height: (data[1] << 8) | data[2],
      progressive: marker === 0xc2,
      components,
      maximumH: Math.max(...components.map(({ h }) => h)),
      maximumV: Math.max(...components.map(({ v }) => v)),
      adobeTransform,
    };
  }
  throw new Error('there is no frame header');
}

const isRestart = (code: number) => code >= 0xd0 && code <= 0xd7;
