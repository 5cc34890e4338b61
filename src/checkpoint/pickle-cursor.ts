import { CheckpointError } from '../error.ts';
import { DAMAGED } from './byte-source.ts';

/** Reads a pickle's bytes in order. Every method throws CheckpointError at the end of the bytes. */
export interface PickleCursor {
  byte(): number;
  uint16(): number;
  int32(): number;
  uint32(): number;
  /** An unsigned integer of 8 bytes, for lengths; what a double cannot hold is rounded. */
  uint64(): number;
  /** A signed integer of up to 8 bytes; what a double cannot hold is rounded. */
  integer(length: number): number;
  /** A big-endian number in double precision. */
  float64(): number;
  /** Steps over bytes. */
  skip(length: number): void;
  /** How many bytes are left. */
  left(): number;
  text(length: number): string;
  /** Text up to a line feed, which is stepped over. */
  line(): string;
}

export function pickleCursor(bytes: Uint8Array, where: string): PickleCursor {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  let at = 0;
  /** Steps over the next bytes and says where they began. */
  const skip = (count: number) => {
    if (count > bytes.length - at) throw new CheckpointError(where, 'its pickle ends in the middle', DAMAGED);
    at += count;
    return at - count;
  };
  const text = (length: number) => {
    const start = skip(length);
    try {
      return decoder.decode(bytes.subarray(start, start + length));
    } catch (cause) {
      throw new CheckpointError(where, 'its pickle holds text that is not UTF-8', DAMAGED, { cause });
    }
  };
  return {
    byte: () => bytes[skip(1)],
    uint16: () => view.getUint16(skip(2), true),
    int32: () => view.getInt32(skip(4), true),
    uint32: () => view.getUint32(skip(4), true),
    uint64: () => Number(view.getBigUint64(skip(8), true)),
    float64: () => view.getFloat64(skip(8)),
    skip: (length) => void skip(length),
    left: () => bytes.length - at,
    integer(length) {
      let value = 0n;
      for (const byte of bytes.subarray(skip(length), at).toReversed()) value = (value << 8n) | BigInt(byte);
      return Number(BigInt.asIntN(8 * length, value));
    },
    text,
    line() {
      const end = bytes.indexOf(0x0a, at);
      const found = text((end < 0 ? bytes.length : end) - at);
      skip(1);
      return found;
    },
  };
}
