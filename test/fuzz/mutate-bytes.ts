import type { Random } from './random.ts';

type Edit = (bytes: Uint8Array, random: Random, other: Uint8Array) => Uint8Array;

/** Values at which widths and signs end. */
const FIELDS = [
  0n,
  1n,
  2n,
  0x7fn,
  0x80n,
  0xffn,
  0x7fffn,
  0x8000n,
  0xffffn,
  0x7fffffffn,
  0x80000000n,
  0xffffffffn,
].concat([2n ** 53n - 1n, 2n ** 53n, 2n ** 63n - 1n, 2n ** 63n, 2n ** 64n - 1n]);
const LARGEST = 2 ** 20;

const concat = (...parts: Uint8Array[]) => new Uint8Array(Buffer.concat(parts));

/** Somewhere, and more often where headers and tables of contents stand. */
function place(length: number, random: Random): number {
  const near = random.below(Math.min(length, 64));
  return random.weighted([
    [5, random.below(length)],
    [3, near],
    [1, Math.max(0, length - 1 - near)],
  ]);
}

/** A stretch, mostly a short one. */
function stretch(bytes: Uint8Array, random: Random): [start: number, end: number] {
  const start = place(bytes.length, random);
  const longest = random.chance(0.7) ? 32 : bytes.length;
  return [start, Math.min(bytes.length, start + 1 + random.below(longest))];
}

const change =
  (edit: (bytes: Uint8Array, random: Random) => void): Edit =>
  (bytes, random) => {
    if (bytes.length > 0) edit(bytes, random);
    return bytes;
  };

const EDITS: readonly (readonly [weight: number, edit: Edit])[] = [
  // a bit
  [6, change((bytes, random) => (bytes[place(bytes.length, random)] ^= 1 << random.below(8)))],
  // a byte
  [6, change((bytes, random) => (bytes[place(bytes.length, random)] = random.below(256)))],
  [6, change(changeField)],
  // truncation
  [2, (bytes, random) => bytes.slice(0, random.below(bytes.length))],
  [
    2,
    (bytes, random) => {
      const [start, end] = stretch(bytes, random);
      return concat(bytes.subarray(0, start), bytes.subarray(end));
    },
  ],
  [2, repeat],
  [
    2,
    (bytes, random) => {
      const at = place(bytes.length, random);
      const noise = Uint8Array.from({ length: 1 + random.below(16) }, () => random.below(256));
      return concat(bytes.subarray(0, at), noise, bytes.subarray(at));
    },
  ],
  // a stretch of another file over one of this
  [
    2,
    (bytes, random, other) => {
      const [start, end] = stretch(other, random);
      const at = place(bytes.length, random);
      bytes.set(other.subarray(start, Math.min(end, start + bytes.length - at)), at);
      return bytes;
    },
  ],
  // the beginning of this file, the end of another
  [
    1,
    (bytes, random, other) =>
      concat(bytes.subarray(0, random.below(bytes.length)), other.subarray(random.below(other.length))),
  ],
];

/** A number of 1 to 8 bytes, either byte first: a limit, or a little more or less than it is. */
function changeField(bytes: Uint8Array, random: Random): void {
  const width = Math.min(random.pick([1, 2, 4, 8]), bytes.length);
  const at = Math.min(place(bytes.length, random), bytes.length - width);
  const littleEndian = random.chance(0.5);
  const index = (byte: number) => at + (littleEndian ? byte : width - 1 - byte);
  let value = random.pick(FIELDS);
  if (random.chance(0.5)) {
    value = BigInt(random.below(17) - 8);
    for (let byte = 0; byte < width; byte++) value += BigInt(bytes[index(byte)]) << BigInt(8 * byte);
  }
  for (let byte = 0; byte < width; byte++) bytes[index(byte)] = Number((value >> BigInt(8 * byte)) & 0xffn);
}

/** A stretch several times, now and then until the file is large: what takes quadratic time shows there. */
function repeat(bytes: Uint8Array, random: Random): Uint8Array {
  const [start, end] = stretch(bytes, random);
  const most = Math.floor(LARGEST / Math.max(1, end - start));
  const times = random.chance(0.02) ? most : Math.min(most, 1 + random.below(random.pick([4, 64])));
  const chunk = bytes.subarray(start, end);
  const repeated = new Uint8Array(times * chunk.length);
  for (let at = 0; at < repeated.length; at += chunk.length) repeated.set(chunk, at);
  return concat(bytes.subarray(0, end), repeated, bytes.subarray(end));
}

/** One of some files, changed in a few places; now and then as it is. */
export function mutateBytes(random: Random, files: readonly Uint8Array[]): Uint8Array {
  let bytes = new Uint8Array(random.pick(files)); // slice would share the memory of a Buffer, and files would change
  if (random.chance(0.02)) return bytes;
  for (let edits = 1 + random.below(random.pick([1, 3, 8])); edits > 0; edits--) {
    bytes = random.weighted(EDITS)(bytes, random, random.pick(files)).slice(0, LARGEST);
  }
  return bytes;
}
