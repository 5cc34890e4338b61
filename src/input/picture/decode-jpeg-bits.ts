/** The compressed bits of a JPEG scan: reading symbols, and copying them as they are. */

/** By the next 16 bits: code length · 256 + symbol, or 0 where there is no code. */
export type HuffmanTable = Uint16Array;

/** Reads the tables of one DHT segment (T.81 B.2.4.2, annex C) into `tables`, keyed by class · 16 + identifier. @throws */
export function readHuffmanTables(data: Uint8Array, tables: Map<number, HuffmanTable>): void {
  const defined = new Set<number>();
  for (let at = 0; at < data.length; ) {
    const key = data[at];
    // Two classes of four tables: each may be defined once in a segment, so that none is defined millions of times.
    if (key & ~0x13 || defined.has(key)) throw new Error('a Huffman table is damaged');
    defined.add(key);
    const table = new Uint16Array(1 << 16);
    let symbol = at + 17;
    let code = 0;
    for (let length = 1; length <= 16; length++) {
      const span = 1 << (16 - length);
      for (let i = 0; i < data[at + length]; i++, code += span, symbol++) {
        if (symbol >= data.length || code + span > table.length) throw new Error('a Huffman table is damaged');
        table.fill((length << 8) | data[symbol], code, code + span);
      }
    }
    tables.set(key, table);
    at = symbol;
  }
}

export interface BitCopier {
  /** Whether what is read from here on is also written. */
  keep: boolean;
  /** Reads one symbol. @throws Error on a code that the table lacks, and at the end of the data. */
  symbol(table: HuffmanTable): number;
  /** Reads bits whose value does not matter. @throws Error at the end of the data. */
  skip(count: number): void;
  /** Ends an interval: fills the last byte, copies the restart marker that must follow. @throws Error without one. */
  restart(): void;
  /** Fills the last byte. @returns what was written. */
  finish(): Uint8Array;
}

/** Copies from the compressed data that start at `from`. A 0xff of the data is followed by a zero byte, here and there. */
export function copyBits(bytes: Uint8Array, from: number): BitCopier {
  const end = bytes.length;
  // Fewer bits than were read are written, but each written 0xff brings a zero along.
  let written = new Uint8Array(4096);
  let length = 0;
  let [held, heldBits, out, outBits, padding] = [0, 0, 0, 0, 0];

  function put(byte: number): void {
    if (length === written.length) {
      const larger = new Uint8Array(2 * length);
      larger.set(written);
      written = larger;
    }
    written[length++] = byte;
  }

  function write(value: number, count: number): void {
    out = (out << count) | value;
    outBits += count;
    while (outBits >= 8) {
      const byte = (out >> (outBits - 8)) & 0xff;
      put(byte);
      if (byte === 0xff) put(0);
      outBits -= 8;
    }
    out &= 0xff;
  }

  /** At least 16 bits at hand; past the end zeros, counted, so that a decoder that uses them is stopped. */
  function refill(): void {
    while (heldBits < 16) {
      const byte = bytes[from];
      if (from >= end || (byte === 0xff && bytes[from + 1] !== 0)) {
        held = (held << 8) & 0xffffff;
        padding += 8;
      } else {
        held = ((held << 8) | byte) & 0xffffff;
        from += byte === 0xff ? 2 : 1;
      }
      heldBits += 8;
    }
  }

  function use(count: number): void {
    if (heldBits - count < padding) throw new Error('the pixel data are cut');
    heldBits -= count;
    if (copier.keep && count > 0) write((held >> heldBits) & ((1 << count) - 1), count);
  }

  function fillByte(): void {
    if (outBits > 0) write((1 << (8 - outBits)) - 1, 8 - outBits);
  }

  const copier: BitCopier = {
    keep: true,
    symbol(table) {
      refill();
      const entry = table[(held >> (heldBits - 16)) & 0xffff];
      if (entry === 0) throw new Error('the pixel data are damaged');
      use(entry >> 8);
      return entry & 0xff;
    },
    skip(count) {
      refill();
      use(count);
    },
    restart() {
      fillByte();
      [held, heldBits, padding] = [0, 0, 0];
      while (bytes[from + 1] === 0xff) from += 1;
      const code = bytes[from + 1];
      if (bytes[from] !== 0xff || code < 0xd0 || code > 0xd7) throw new Error('a restart marker is missing');
      put(0xff);
      put(code);
      from += 2;
    },
    finish() {
      fillByte();
      return written.subarray(0, length);
    },
  };
  return copier;
}
