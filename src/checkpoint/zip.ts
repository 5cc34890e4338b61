import { CheckpointError } from '../error.ts';
import { quote } from '../quote.ts';
import { type ByteSource, checkRange, DAMAGED, LARGEST_TABLE } from './byte-source.ts';

/** A file inside an archive: where its bytes are. */
export interface ZipEntry {
  readonly name: string;
  readonly size: number;
  /** Where its local header begins; the bytes come after it. */
  readonly header: number;
}

const LOCAL_HEADER = 0x04034b50;
const CENTRAL_HEADER = 0x02014b50;
const END = 0x06054b50;
const END_64 = 0x06064b50;
const LOCATOR_64 = 0x07064b50;
/** In a 32-bit field: the number stands in a 64-bit field elsewhere. */
const ELSEWHERE = 0xffffffff;
const LONGEST_COMMENT = 0xffff;

/**
 * Lists the files of a zip archive that stores them as they are, as `torch.save` does; zip64 included.
 *
 * Source: PKWARE's APPNOTE.TXT, sections 4.3.7 to 4.3.16 and 4.5.3.
 *
 * @throws CheckpointError
 */
export async function readZipDirectory(source: ByteSource): Promise<Map<string, ZipEntry>> {
  const { offset, size, count } = await findDirectory(source);
  if (size > LARGEST_TABLE) {
    throw new CheckpointError(source.name, `a directory of ${size} bytes, expected at most ${LARGEST_TABLE}`, DAMAGED);
  }
  const view = new DataView((await source.read(offset, size)).buffer);
  const entries = new Map<string, ZipEntry>();
  let at = 0;
  while (at < size) {
    if (size - at < 46 || view.getUint32(at, true) !== CENTRAL_HEADER) throw damagedDirectory(source);
    const nameLength = view.getUint16(at + 28, true);
    const extraLength = view.getUint16(at + 30, true);
    const end = at + 46 + nameLength + extraLength + view.getUint16(at + 32, true);
    if (end > size) throw damagedDirectory(source);
    const entry = readEntry(view, at, nameLength, extraLength, source);
    if (entries.has(entry.name)) {
      throw new CheckpointError(source.name, `two entries called ${quote(entry.name)}`, DAMAGED);
    }
    entries.set(entry.name, entry);
    at = end;
  }
  if (entries.size !== count) throw damagedDirectory(source);
  return entries;
}

function damagedDirectory(source: ByteSource): CheckpointError {
  return new CheckpointError(source.name, 'its zip directory is damaged', DAMAGED);
}

/** The end-of-directory record, which is found from the end of the file; archives of today may have a 64-bit one before it. */
async function findDirectory(source: ByteSource): Promise<{ offset: number; size: number; count: number }> {
  const tailStart = Math.max(0, source.size - 22 - LONGEST_COMMENT - 20);
  const tail = new DataView((await source.read(tailStart, source.size - tailStart)).buffer);
  let at = tail.byteLength - 22;
  // A comment may follow; its length must reach the end of the file, or the signature is a chance one.
  while (
    at >= 0 &&
    !(tail.getUint32(at, true) === END && tail.getUint16(at + 20, true) === tail.byteLength - at - 22)
  ) {
    at--;
  }
  if (at < 0) throw new CheckpointError(source.name, 'it is no complete zip archive', NOT_AN_ARCHIVE);
  if (at >= 20 && tail.getUint32(at - 20, true) === LOCATOR_64) {
    const end = new DataView((await source.read(readUint64(tail, at - 12), 56)).buffer);
    if (end.getUint32(0, true) !== END_64) throw damagedDirectory(source);
    return { count: readUint64(end, 32), size: readUint64(end, 40), offset: readUint64(end, 48) };
  }
  return {
    count: tail.getUint16(at + 10, true),
    size: tail.getUint32(at + 12, true),
    offset: tail.getUint32(at + 16, true),
  };
}

const NOT_AN_ARCHIVE = 'get it again, or save it with torch.save of torch 1.6 or later';

/** One entry of the central directory. Sizes that do not fit 32 bits stand in an extra field, in this order. */
function readEntry(view: DataView, at: number, nameLength: number, extraLength: number, source: ByteSource): ZipEntry {
  const name = new TextDecoder().decode(new Uint8Array(view.buffer, at + 46, nameLength));
  const where = `${source.name}, entry ${quote(name)}`;
  const flags = view.getUint16(at + 8, true);
  const method = view.getUint16(at + 10, true);
  if (flags & 1 || method !== 0) {
    const found = `it is ${flags & 1 ? 'encrypted' : 'compressed'}, expected plain bytes`;
    throw new CheckpointError(where, found, 'save it with torch.save');
  }
  const extra = findZip64Extra(view, at + 46 + nameLength, extraLength);
  let used = 0;
  const field = (value: number) => {
    if (value !== ELSEWHERE) return value;
    if (!extra || used + 8 > extra.byteLength) throw new CheckpointError(where, 'its 64-bit size is missing', DAMAGED);
    used += 8;
    return readUint64(extra, used - 8);
  };
  const size = field(view.getUint32(at + 24, true));
  const stored = field(view.getUint32(at + 20, true));
  const header = field(view.getUint32(at + 42, true));
  if (size !== stored) throw new CheckpointError(where, `${stored} bytes stored, expected ${size}`, DAMAGED);
  checkRange({ name: where, size: source.size }, header, 30 + nameLength + size);
  return { name, size, header };
}

/** The extra field with id 1 holds 64-bit sizes. */
function findZip64Extra(view: DataView, start: number, length: number): DataView | undefined {
  for (let at = start; at + 4 <= start + length; ) {
    const size = view.getUint16(at + 2, true);
    if (at + 4 + size > start + length) return undefined;
    if (view.getUint16(at, true) === 1) return new DataView(view.buffer, at + 4, size);
    at += 4 + size;
  }
  return undefined;
}

/** Where an entry's bytes begin: behind its local header, whose extra field differs from the directory's. @throws CheckpointError */
export async function locateZipEntry(source: ByteSource, { name, header, size }: ZipEntry): Promise<number> {
  const local = new DataView((await source.read(header, 30)).buffer);
  const where = `${source.name}, entry ${quote(name)}`;
  if (local.getUint32(0, true) !== LOCAL_HEADER) throw new CheckpointError(where, 'its header is damaged', DAMAGED);
  const start = header + 30 + local.getUint16(26, true) + local.getUint16(28, true);
  checkRange({ name: where, size: source.size }, start, size);
  return start;
}

/** A 64-bit number; beyond 2⁵³ it is rounded, and no range check lets it pass. */
function readUint64(view: DataView, at: number): number {
  return Number(view.getBigUint64(at, true));
}
