import { CheckpointError } from '../error.ts';
import { quote } from '../quote.ts';
import { type ByteSource, checkRange, DAMAGED, LARGEST_TABLE } from './byte-source.ts';

/** A file inside an archive: where its bytes are. */
export interface ZipEntry {
  readonly name: string;
  readonly size: number;
  /** How its bytes are changed; undefined where they are stored as they are, and can be read. */
  readonly changed: 'encrypted' | 'compressed' | undefined;
  /** The CRC-32 of its bytes, as the directory has it. */
  readonly checksum: number;
  /** Where its local header begins; the bytes come after it. */
  readonly header: number;
  /** Where the next entry begins, or the directory: its bytes end before. */
  readonly limit: number;
}

const LOCAL_HEADER = 0x04034b50;
const CENTRAL_HEADER = 0x02014b50;
const END = 0x06054b50;
const END_64 = 0x06064b50;
const LOCATOR_64 = 0x07064b50;
/** Bytes of a local header without its name. */
const SMALLEST_HEADER = 30;
/** The extra field of 64-bit sizes. */
const ZIP64 = 1;
/** Of the flags: sizes and checksum stand behind the bytes, and perhaps nowhere before them. */
const SIZES_BEHIND = 8;
/** In a 32-bit field: the number stands in a 64-bit field elsewhere. */
const ELSEWHERE = 0xffffffff;
const LONGEST_COMMENT = 0xffff;

/**
 * Lists the files of a zip archive, zip64 included; those that are stored as they are, as `torch.save` does, can be read. What two readers could
 * understand in two ways is refused: entries that overlap or are there twice, sizes that stand in two places and differ.
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
  const entries = new Map<string, Omit<ZipEntry, 'limit'>>();
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
  return withLimits([...entries.values()], offset, source);
}

/** @throws CheckpointError for entries that share bytes, or reach into the directory, which begins at `end` */
function withLimits(entries: Omit<ZipEntry, 'limit'>[], end: number, source: ByteSource): Map<string, ZipEntry> {
  const inOrder = entries.sort((a, b) => a.header - b.header);
  return new Map(
    inOrder.map((entry, i) => {
      const limit = inOrder[i + 1]?.header ?? end;
      checkLimit({ ...entry, limit }, entry.header + SMALLEST_HEADER, source);
      return [entry.name, { ...entry, limit }];
    }),
  );
}

function checkLimit({ name, size, limit }: ZipEntry, start: number, source: ByteSource): void {
  if (start + size <= limit) return;
  throw new CheckpointError(source.name, `entry ${quote(name)} overlaps what follows it`, DAMAGED);
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
  const short = {
    count: tail.getUint16(at + 10, true),
    size: tail.getUint32(at + 12, true),
    offset: tail.getUint32(at + 16, true),
  };
  const directory = { ...short, end: tailStart + at };
  if (at >= 20 && tail.getUint32(at - 20, true) === LOCATOR_64) {
    directory.end = readUint64(tail, at - 12);
    const long = new DataView((await source.read(directory.end, 56)).buffer);
    if (long.getUint32(0, true) !== END_64) throw damagedDirectory(source);
    Object.assign(directory, { count: readUint64(long, 32), size: readUint64(long, 40), offset: readUint64(long, 48) });
    const same = (field: 'count' | 'size' | 'offset', elsewhere: number) =>
      short[field] === elsewhere || short[field] === directory[field];
    if (!same('count', 0xffff) || !same('size', ELSEWHERE) || !same('offset', ELSEWHERE))
      throw damagedDirectory(source);
  }
  // Some readers look for the directory where it should begin, others before where it should end.
  if (directory.offset + directory.size !== directory.end) throw damagedDirectory(source);
  return directory;
}

const NOT_AN_ARCHIVE = 'get it again, or save it with torch.save of torch 1.6 or later';

/** One entry of the central directory. Sizes that do not fit 32 bits stand in an extra field, in this order. */
function readEntry(
  view: DataView,
  at: number,
  nameLength: number,
  extraLength: number,
  source: ByteSource,
): Omit<ZipEntry, 'limit'> {
  const name = new TextDecoder().decode(new Uint8Array(view.buffer, at + 46, nameLength));
  const where = `${source.name}, entry ${quote(name)}`;
  const flags = view.getUint16(at + 8, true);
  const method = view.getUint16(at + 10, true);
  const changed = flags & 1 ? 'encrypted' : method !== 0 ? 'compressed' : undefined;
  const extra = findZip64Extra(view, at + 46 + nameLength, extraLength, where);
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
  if (size !== stored && !changed)
    throw new CheckpointError(where, `${stored} bytes stored, expected ${size}`, DAMAGED);
  checkRange({ name: where, size: source.size }, header, SMALLEST_HEADER + nameLength + stored);
  return { name, size: stored, changed, checksum: view.getUint32(at + 16, true), header };
}

/** The extra field with id 1 holds 64-bit sizes. @throws CheckpointError when there are two */
function findZip64Extra(view: DataView, start: number, length: number, where: string): DataView | undefined {
  let found: DataView | undefined;
  for (let at = start; at + 4 <= start + length; ) {
    const size = view.getUint16(at + 2, true);
    if (at + 4 + size > start + length) break;
    if (view.getUint16(at, true) === ZIP64) {
      if (found) throw new CheckpointError(where, 'its 64-bit sizes stand there twice', DAMAGED);
      found = new DataView(view.buffer, at + 4, size);
    }
    at += 4 + size;
  }
  return found;
}

/**
 * Where an entry's bytes begin: behind its local header, whose extra field differs from the directory's.
 *
 * @throws CheckpointError when the header says otherwise than the directory
 */
export async function locateZipEntry(source: ByteSource, entry: ZipEntry): Promise<number> {
  const { name, header, size, checksum, changed } = entry;
  const where = `${source.name}, entry ${quote(name)}`;
  if (changed) throw new CheckpointError(where, `it is ${changed}, expected plain bytes`, 'save it with torch.save');
  const fixed = new DataView((await source.read(header, SMALLEST_HEADER)).buffer);
  if (fixed.getUint32(0, true) !== LOCAL_HEADER) throw new CheckpointError(where, 'its header is damaged', DAMAGED);
  const [nameLength, extraLength] = [fixed.getUint16(26, true), fixed.getUint16(28, true)];
  const start = header + SMALLEST_HEADER + nameLength + extraLength;
  checkRange({ name: where, size: source.size }, start, size);
  checkLimit(entry, start, source);

  const rest = new DataView((await source.read(header + SMALLEST_HEADER, nameLength + extraLength)).buffer);
  const own = new TextDecoder().decode(new Uint8Array(rest.buffer, 0, nameLength));
  const long = findZip64Extra(rest, nameLength, extraLength, where);
  const flags = fixed.getUint16(6, true);
  const sizes = [fixed.getUint32(18, true), fixed.getUint32(22, true)]; // stored, whole: in the other order when long
  const says = sizes.map((short, i) =>
    short === ELSEWHERE && long && long.byteLength >= 16 ? readUint64(long, 8 - 8 * i) : short,
  );
  const known = (said: number, listed: number) => said === listed || ((flags & SIZES_BEHIND) !== 0 && said === 0);
  const agree = says.every((said) => known(said, size)) && known(fixed.getUint32(14, true), checksum);
  if (own !== name || flags & 1 || fixed.getUint16(8, true) !== 0 || !agree) {
    throw new CheckpointError(where, 'its header says otherwise than the directory', DAMAGED);
  }
  return start;
}

/** A 64-bit number; beyond 2⁵³ it is rounded, and no range check lets it pass. */
function readUint64(view: DataView, at: number): number {
  return Number(view.getBigUint64(at, true));
}
