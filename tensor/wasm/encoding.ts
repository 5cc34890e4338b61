/**
 * The bytes that a WebAssembly module is made of (WebAssembly core specification 2.0, chapter 5), in lists of lists: nothing is copied
 * before the whole is written.
 */
export type Bytes = Uint8Array | Constant | readonly (number | Bytes)[];

/** Four lanes that a function reads from its module's table: they are written as the table's index. */
export interface Constant {
  readonly lanes: Bytes;
}

/**
 * The bytes one after another.
 *
 * @param indexOf of a constant in the module's table
 */
export function written(bytes: Bytes, indexOf?: (constant: Constant) => number): Uint8Array<ArrayBuffer> {
  let room = new Uint8Array(1024);
  let length = 0;
  const need = (more: number): void => {
    if (length + more <= room.length) return;
    const larger = new Uint8Array(2 * (length + more));
    larger.set(room);
    room = larger;
  };
  const write = (part: Bytes): void => {
    if ('lanes' in part) {
      if (!indexOf) throw new TypeError('a constant stands outside of a function');
      write(unsigned(indexOf(part)));
      return;
    }
    need(part.length);
    if (part instanceof Uint8Array) {
      room.set(part, length);
      length += part.length;
      return;
    }
    for (const each of part) {
      if (typeof each !== 'number') write(each);
      else {
        need(1);
        room[length++] = each;
      }
    }
  };
  write(bytes);
  return room.slice(0, length);
}

/** An unsigned integer in LEB128: seven bits a byte, the lowest first, the top bit set on all but the last. */
export function unsigned(value: number): readonly number[] {
  if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`LEB128: ${value} is no unsigned integer`);
  if (value < 0x80) return [value]; // nearly always
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80);
  return [...bytes, rest];
}

/** A signed integer in LEB128: two's complement, so bit 6 of the last byte is the sign. */
export function signed(value: number): readonly number[] {
  if (!Number.isSafeInteger(value)) throw new RangeError(`LEB128: ${value} is no integer`);
  const bytes: number[] = [];
  let rest = value;
  for (; rest < -0x40 || rest >= 0x40; rest = Math.floor(rest / 0x80)) bytes.push(lowBits(rest) | 0x80);
  return [...bytes, lowBits(rest)];
}

/** Without `&`, which would cut numbers beyond 32 bits. */
const lowBits = (value: number): number => ((value % 0x80) + 0x80) % 0x80;

export const float32 = (value: number): Uint8Array => new Uint8Array(Float32Array.of(value).buffer);

export const float64 = (value: number): Uint8Array => new Uint8Array(Float64Array.of(value).buffer);

/** A list: how many items, then the items. */
export const vector = (items: readonly Bytes[]): Bytes => [unsigned(items.length), items];

/** How many bytes, then the bytes. */
export function sized(bytes: Bytes, indexOf?: (constant: Constant) => number): Bytes {
  const whole = written(bytes, indexOf);
  return [unsigned(whole.length), whole];
}

export const text = (value: string): Bytes => sized(new TextEncoder().encode(value));

export const section = (id: number, content: Bytes): Bytes => [id, sized(content)];
