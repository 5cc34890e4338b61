/** A JPEG with fewer components, made without decoding one: each component's bits stand by themselves and are copied. */
import { type BitCopier, copyBits, type HuffmanTable, readHuffmanTables } from './decode-jpeg-bits.ts';
import { adobeSegment, concatenate, segment } from './decode-jpeg-header.ts';
import { type JpegFrame, type JpegScan, nextMarker, readScan, segmentsOf } from './decode-jpeg-segments.ts';

/**
 * @param keep which components stay, in the frame's order; the first must be one of the largest sampling
 * @param adobeTransform what the new file says of their colours: 0 RGB, 1 YCbCr
 * @returns a JPEG of the same size and coding
 * @throws Error on data that are cut or broken, or samplings and scans that the new file could not express
 */
export function selectComponents(
  bytes: Uint8Array,
  frame: JpegFrame,
  keep: number[],
  adobeTransform: 0 | 1,
): Uint8Array<ArrayBuffer> {
  // Blocks are counted in units of the largest sampling: it must survive.
  const first = frame.components[keep[0]];
  if (first.h !== frame.maximumH || first.v !== frame.maximumV) throw new Error('an unusual sampling');
  const parts = [Uint8Array.of(0xff, 0xd8), adobeSegment(adobeTransform)];
  const tables = new Map<number, HuffmanTable>();
  let interval = 0;

  for (const { marker, data, start, end } of segmentsOf(bytes)) {
    if (marker >= 0xe0) continue; // Applications' segments and comments.
    if (marker === 0xc4) readHuffmanTables(data, tables);
    if (marker === 0xdd) interval = (data[0] << 8) | data[1];
    if (marker >= 0xc0 && marker <= 0xc2) {
      const kept = keep.flatMap((index) => [...data.subarray(6 + 3 * index, 9 + 3 * index)]);
      parts.push(segment(marker, [...data.subarray(0, 5), keep.length, ...kept]));
    } else if (marker === 0xda) {
      const scan = readScan(data, frame);
      const kept = scan.components.filter(({ index }) => keep.includes(index));
      if (kept.length === 0) continue;
      const pairs = kept.flatMap(({ id, tableKeys }) => [id, tableKeys]);
      parts.push(segment(marker, [kept.length, ...pairs, ...data.subarray(-3)]));
      if (scan.components.length === 1) {
        parts.push(bytes.subarray(end, nextMarker(bytes, end)));
      } else {
        // Alone in a scan, a component has only the blocks of its own size, without those that fill up the others'.
        if (kept.length === 1) throw new Error('an unusual order of scans');
        parts.push(copyInterleaved(copyBits(bytes, end), scan, frame, tables, keep, interval));
        if (!frame.progressive && scan.components.length === frame.components.length) {
          // The only scan: what follows is no part of the picture, but libjpeg looks at it.
          const rest = nextMarker(bytes, end);
          parts.push(rest < 0 ? Uint8Array.of(0xff, 0xd9) : bytes.subarray(rest));
          break;
        }
      }
    } else {
      parts.push(bytes.subarray(start, end));
    }
  }
  return concatenate(parts);
}

/** Copies a scan of several components, block by block in their order (A.2.3); only `keep` are written. */
function copyInterleaved(
  bits: BitCopier,
  { components, last, refines }: JpegScan,
  { width, height, maximumH, maximumV, components: sampling }: JpegFrame,
  tables: Map<number, HuffmanTable>,
  keep: number[],
  interval: number,
): Uint8Array {
  const plans = components.map(({ index, tableKeys }) => ({
    keep: keep.includes(index),
    blocks: sampling[index].h * sampling[index].v,
    dc: tables.get(tableKeys >> 4) ?? noTable,
    ac: tables.get(16 + (tableKeys & 15)) ?? noTable,
  }));
  const units = Math.ceil(width / (8 * maximumH)) * Math.ceil(height / (8 * maximumV));
  for (let unit = 0; unit < units; unit++) {
    if (interval > 0 && unit > 0 && unit % interval === 0) bits.restart();
    for (const plan of plans) {
      bits.keep = plan.keep;
      for (let block = 0; block < plan.blocks; block++) {
        if (refines) bits.skip(1);
        else copyBlock(bits, plan.dc, plan.ac, last);
      }
    }
  }
  return bits.finish();
}

/** A block: the mean's size and bits, then runs of zeros and sizes, until the last coefficient or an end (F.1.2). */
function copyBlock(bits: BitCopier, dc: HuffmanTable, ac: HuffmanTable, last: number): void {
  bits.skip(Math.min(bits.symbol(dc), 16));
  for (let at = 1; at <= last; at++) {
    const symbol = bits.symbol(ac);
    const size = symbol & 15;
    if (size === 0 && symbol !== 0xf0) return;
    bits.skip(size);
    at += symbol >> 4;
  }
}

const noTable: HuffmanTable = new Uint16Array(1 << 16);
