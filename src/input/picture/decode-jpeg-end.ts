/** Whether a JPEG without an end marker is whole all the same, as PIL judges: its libjpeg waits for bytes that never come. */
import { type HuffmanTable, readHuffmanTables } from './decode-jpeg-bits.ts';
import { type JpegFrame, nextMarker, readScan, segmentsOf } from './decode-jpeg-segments.ts';

/** PIL hands over so many bytes at once. */
const portion = 2 ** 16;
/** libjpeg reads ahead without looking where so many bytes a block are at hand. */
const roomPerBlock = 512;

/**
 * A sequential picture in a single scan needs no end: it is whole when all its blocks are. libjpeg reads ahead, up to 7
 * bytes beyond what it uses, so that it depends on the bits whether a few missing bytes matter.
 *
 * Any marker behind the scan ends it: what is missing before is grey, in libjpeg and so in PIL.
 * @throws Error when the file has no scan, or a header or table that this depends on is damaged
 */
export function isWhole(bytes: Uint8Array, frame: JpegFrame): boolean {
  const definitions: Uint8Array[] = [];
  let interval = 0;
  for (const { marker, data, end } of segmentsOf(bytes)) {
    if (marker === 0xc4) definitions.push(data);
    if (marker === 0xdd) interval = (data[0] << 8) | data[1];
    if (marker !== 0xda) continue;
    const { components } = readScan(data, frame);
    if (frame.progressive || components.length < frame.components.length) return hasEnd(bytes);
    if (nextMarker(bytes, end) >= 0) return true;
    const tables = new Map<number, HuffmanTable>();
    for (const definition of definitions) readHuffmanTables(definition, tables);
    const blocks = components.flatMap(({ index, tableKeys }) => {
      // Alone in a scan, a component has its blocks one by one.
      const { h, v } = components.length === 1 ? { h: 1, v: 1 } : frame.components[index];
      const [dc, ac] = [tables.get(tableKeys >> 4), tables.get(16 + (tableKeys & 15))];
      if (!dc || !ac) throw new Error('a Huffman table is missing');
      return Array.from({ length: h * v }, () => ({ dc, ac }));
    });
    return holdsUnits(bytes, end, blocks, unitsOf(frame), interval);
  }
  throw new Error('there is no picture in it');
}

/** A picture in several scans is complete when the next could begin: at the end marker, behind whole segments. */
function hasEnd(bytes: Uint8Array): boolean {
  for (const { marker } of segmentsOf(bytes)) if (marker === 0xd9) return true;
  return false;
}

/** The number of units of all components' blocks (A.2.3): of a single component, its blocks. */
function unitsOf({ width, height, maximumH, maximumV, components }: JpegFrame): number {
  const [h, v] = components.length === 1 ? [1, 1] : [maximumH, maximumV];
  return Math.ceil(width / (8 * h)) * Math.ceil(height / (8 * v));
}

/** Whether the data from `from` to the end of the file, in which no other markers than restarts stand, hold all units. */
function holdsUnits(
  bytes: Uint8Array,
  from: number,
  blocks: { dc: HuffmanTable; ac: HuffmanTable }[],
  units: number,
  interval: number,
): boolean {
  const { start, restarts } = lastRestart(bytes, from);
  if (interval === 0 && restarts > 0) return true; // an unexpected marker ends the scan
  const left = units - restarts * interval;
  if (interval > 0 && left > interval) return false;
  const reader = readAhead(bytes, start);
  for (let unit = 0; unit < left; unit++) {
    while (true) {
      const before = reader.save();
      const fast = interval === 0 && reader.room() >= roomPerBlock * blocks.length;
      if (blocks.every(({ dc, ac }) => skipBlock(reader, dc, ac, fast))) break;
      if (!reader.more()) return false;
      reader.restore(before);
    }
  }
  return true;
}

/** Where the data after the last restart marker begin, and how many there are. */
function lastRestart(bytes: Uint8Array, from: number): { start: number; restarts: number } {
  let [start, restarts] = [from, 0];
  for (let at = bytes.indexOf(0xff, from); at >= 0; at = bytes.indexOf(0xff, at + 1)) {
    if (bytes[at + 1] >= 0xd0 && bytes[at + 1] <= 0xd7) [start, restarts] = [at + 2, restarts + 1];
  }
  return { start, restarts };
}

type Reader = ReturnType<typeof readAhead>;

/** @returns false when the bytes at hand run out */
function skipBlock(reader: Reader, dc: HuffmanTable, ac: HuffmanTable, fast: boolean): boolean {
  for (let at = 0; at < 64; at++) {
    const symbol = reader.symbol(at === 0 ? dc : ac, fast);
    if (symbol === undefined) return false;
    const size = symbol & 15;
    if (size > 0 && !reader.skip(size, fast)) return false;
    if (at === 0) continue;
    if (size === 0 && symbol >> 4 < 15) return true;
    at += symbol >> 4;
  }
  return true;
}

/**
 * Reads bits, and counts those that libjpeg has in its register of 64: it fills that up where bits are short, or in its fast
 * way before.
 */
function readAhead(bytes: Uint8Array, start: number) {
  let end = Math.min(bytes.length, portion * Math.ceil(start / portion));
  // libjpeg's register: the next byte, and the bits that are loaded and not used.
  let [next, loaded] = [start, 0];
  // What is used is read from here.
  let [from, held, heldBits] = [start, 0, 0];

  /** Behind a byte of the data: after a 0xff, any number of others and a zero follow. */
  function after(at: number): number {
    if (bytes[at] !== 0xff) return at + 1;
    let zero = at + 1;
    while (bytes[zero] === 0xff) zero += 1;
    return zero + 1;
  }

  function load(): boolean {
    const behind = after(next);
    if (next >= end || behind > end) return false;
    next = behind;
    loaded += 8;
    return true;
  }

  function fill(count: number, fast: boolean): boolean {
    if (fast && loaded <= 16) for (let i = 0; i < 6; i++) load();
    if (fast || loaded >= count) return true;
    while (loaded < 57) if (!load()) return false;
    return true;
  }

  function use(count: number): void {
    loaded -= count;
    while (heldBits < count) {
      held = ((held << 8) | (bytes[from] ?? 0)) & 0xffffff;
      heldBits += 8;
      from = after(from);
    }
    heldBits -= count;
  }

  /** The next 16 bits. */
  function peek(): number {
    use(16);
    loaded += 16;
    heldBits += 16;
    return (held >> (heldBits - 16)) & 0xffff;
  }

  return {
    room: () => end - next,
    /** Takes the next portion of the file. @returns false when there is none */
    more(): boolean {
      if (end === bytes.length) return false;
      end = Math.min(bytes.length, end + portion);
      return true;
    },
    save: () => ({ next, loaded, from, held, heldBits }),
    restore(state: { next: number; loaded: number; from: number; held: number; heldBits: number }) {
      ({ next, loaded, from, held, heldBits } = state);
    },
    /** @returns undefined when the bytes at hand run out; a code that the table lacks means 0 */
    symbol(table: HuffmanTable, fast: boolean): number | undefined {
      if (!fill(8, fast)) return undefined;
      const entry = table[peek()];
      const length = entry >> 8 || 17;
      // Codes of up to 8 bits are looked up; longer ones are read so far, and then bit by bit.
      const atOnce = length > 8 ? 9 : length;
      if (!fill(atOnce, fast)) return undefined;
      use(atOnce);
      for (let i = atOnce; i < length; i++) {
        if (!fill(1, fast)) return undefined;
        use(1);
      }
      return entry & 0xff;
    },
    skip(count: number, fast: boolean): boolean {
      if (!fill(count, fast)) return false;
      use(count);
      return true;
    },
  };
}
