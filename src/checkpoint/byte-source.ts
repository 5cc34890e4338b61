import { CheckpointError } from '../error.ts';
import { kindOf, TELLING_BYTES } from '../file-kind.ts';

/** Bytes that are read range by range: a file, or what a page was given. Several readers at once are safe. */
export interface ByteSource {
  /** What it is called in errors. */
  readonly name: string;
  readonly size: number;
  /**
   * Exactly `length` bytes from `offset` on, in a buffer of their own.
   *
   * @throws CheckpointError when they are not there
   */
  read(offset: number, length: number): Promise<Uint8Array>;
}

/** @throws CheckpointError when a range does not lie within a source; nothing has been allocated by then */
export function checkRange({ name, size }: Pick<ByteSource, 'name' | 'size'>, offset: number, length: number): void {
  const end = offset + length;
  if (offset >= 0 && length >= 0 && end <= size) return;
  throw new CheckpointError(name, `bytes ${offset} to ${end} are wanted, there are ${size}`, DAMAGED);
}

/** What to do about a file that contradicts itself. */
export const DAMAGED = 'the file is cut off or damaged, get it again';

/** Most bytes of a table of contents (a header, an index): forty times what a whole published Qwen-VL needs. */
export const LARGEST_TABLE = 4 * 2 ** 20;

/** @throws CheckpointError when a file is plainly something else than `expected`, a kind's name */
export async function requireKind(source: ByteSource, expected: string): Promise<void> {
  if (source.size === 0) return; // its reader says what it lacks
  const kind = kindOf(await source.read(0, Math.min(TELLING_BYTES, source.size)));
  if (!kind || kind.what === expected) return;
  throw new CheckpointError(source.name, `it is ${kind.what}, expected ${expected}`, kind.remedy);
}

/** Bytes in memory as a source. */
export function memorySource(bytes: Uint8Array, name: string): ByteSource {
  const size = bytes.length;
  return {
    name,
    size,
    async read(offset, length) {
      checkRange({ name, size }, offset, length);
      return new Uint8Array(bytes.subarray(offset, offset + length));
    },
  };
}
