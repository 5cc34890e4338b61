/** The bytes that a WebAssembly module is made of (WebAssembly core specification 2.0, chapter 5). */
export type Bytes = readonly number[];

/** An unsigned integer in LEB128: seven bits a byte, the lowest first, the top bit set on all but the last. */
export function unsigned(value: number): Bytes {
  if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`LEB128: ${value} is no unsigned integer`);
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80);
  return [...bytes, rest];
}

/** A signed integer in LEB128: two's complement, so bit 6 of the last byte is the sign. */
export function signed(value: number): Bytes {
  if (!Number.isSafeInteger(value)) throw new RangeError(`LEB128: ${value} is no integer`);
  const bytes: number[] = [];
  let rest = value;
  for (; rest < -0x40 || rest >= 0x40; rest = Math.floor(rest / 0x80)) bytes.push(lowBits(rest) | 0x80);
  return [...bytes, lowBits(rest)];
}

/** Without `&`, which would cut numbers beyond 32 bits. */
const lowBits = (value: number): number => ((value % 0x80) + 0x80) % 0x80;

export const float32 = (value: number): Bytes => [...new Uint8Array(Float32Array.of(value).buffer)];

export const float64 = (value: number): Bytes => [...new Uint8Array(Float64Array.of(value).buffer)];

/** A list: how many items, then the items. */
export const vector = (items: readonly Bytes[]): Bytes => [...unsigned(items.length), ...items.flat()];

/** How many bytes, then the bytes. */
export const sized = (bytes: Bytes): Bytes => [...unsigned(bytes.length), ...bytes];

export const text = (value: string): Bytes => sized([...new TextEncoder().encode(value)]);

export const section = (id: number, content: Bytes): Bytes => [id, ...sized(content)];
