import { crc32 } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { memorySource } from '../../src/checkpoint/byte-source.ts';
import { locateZipEntry, readZipDirectory } from '../../src/checkpoint/zip.ts';
import { survives } from './hostile.ts';
import { zip } from './torch-writer.ts';

const utf8 = (text: string) => new TextEncoder().encode(text);
const files = [
  ['first', utf8('abcd')],
  ['other', utf8('efgh')],
] as const;

/** Lists the files of an archive and gets to the bytes of each. */
async function contents(archive: Uint8Array): Promise<Record<string, string>> {
  const source = memorySource(archive, 'archive');
  const found: Record<string, string> = {};
  for (const entry of (await readZipDirectory(source)).values()) {
    const start = await locateZipEntry(source, entry);
    found[entry.name] = new TextDecoder().decode(await source.read(start, entry.size));
  }
  return found;
}

/** The archive with these bytes in place of its own. @param at an offset, counted from a mark */
function patched(archive: Uint8Array, mark: string, at: number, ...bytes: number[]): Uint8Array {
  const changed = archive.slice();
  changed.set(bytes, Buffer.from(archive).indexOf(mark, 0, 'latin1') + at);
  return changed;
}

const [LOCAL, CENTRAL, END, END_64] = ['PK\x03\x04', 'PK\x01\x02', 'PK\x05\x06', 'PK\x06\x06'];

describe('two readers of one archive', () => {
  const archive = zip(files);
  const long = zip(files, { zip64: true });
  const size = Uint8Array.of(4, 0, 0, 0, 0, 0, 0, 0);

  test('what is sound is read, also with sizes behind the bytes', async () => {
    const expected = { first: 'abcd', other: 'efgh' };
    expect(await contents(archive)).toEqual(expected);
    expect(await contents(long)).toEqual(expected);
    // Torch writes no sizes and no checksum before the bytes.
    expect(await contents(patched(archive, LOCAL, 14, ...new Uint8Array(12)))).toEqual(expected);
  });

  test.each<[string, Uint8Array, RegExp]>([
    ['another name before the bytes', patched(archive, LOCAL, 30, 0x46), /entry "first": its header says otherwise/],
    ['another size before the bytes', patched(archive, LOCAL, 18, 3), /its header says otherwise/],
    ['another whole size', patched(archive, LOCAL, 22, 3), /its header says otherwise/],
    ['another checksum', patched(archive, LOCAL, 14, 1, 2, 3, 4), /its header says otherwise/],
    ['compressed, it says before the bytes', patched(archive, LOCAL, 8, 8), /its header says otherwise/],
    ['encrypted, it says before the bytes', patched(archive, LOCAL, 6, 9), /its header says otherwise/],
    ['no size, and none behind', patched(archive, LOCAL, 6, 0, 0, 0, 0, 0, 0, 0, 0, ...new Uint8Array(8)), /otherwise/],
    ['two entries with the same bytes', sameBytes(archive), /entry "\w+" overlaps what follows it/],
    ['an entry that reaches into the next', patched(archive, LOCAL, 28, 0x70), /overlaps what follows it/],
    ['another count in the short record', patched(long, END, 8, 1, 0, 1, 0), /directory is damaged/],
    ['another offset in the short record', patched(long, END, 16, 1, 0, 0, 0), /directory is damaged/],
    ['a directory that does not end where its end begins', patched(archive, END, 16, 0), /directory is damaged/],
    ['bytes before its end', between(archive, END), /directory is damaged/],
    ['bytes before its long end', between(long, END_64), /directory is damaged|64-bit/],
    ['bytes before the archive', new Uint8Array(Buffer.concat([utf8('GIF89a'), archive])), /directory is damaged/],
    ['another offset in the long record', patched(long, END_64, 48, 0), /directory is damaged/],
  ])('%s', async (_, bytes, says) => {
    await expect(contents(bytes)).rejects.toThrow(says);
    expect(await survives(() => contents(bytes))).toBe('refused');
  });

  test('64-bit sizes twice', async () => {
    // The directory's extra field of the first entry: the padding becomes a field of its own, and the sizes stand there again.
    const field = [1, 0, 16, 0, ...size, ...size];
    const record = [
      ...[0x50, 0x4b, 1, 2, 45, 0, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0],
      ...new Uint8Array(Uint32Array.of(crc32(files[0][1])).buffer),
      ...[255, 255, 255, 255, 255, 255, 255, 255, 5, 0, 2 * field.length, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
      ...[...utf8('first'), ...field, ...field],
    ];
    const one = zip(files.slice(0, 1));
    const directory = Buffer.from(one).indexOf(CENTRAL, 0, 'latin1');
    const end = one.slice(Buffer.from(one).indexOf(END, 0, 'latin1'));
    new DataView(end.buffer).setUint32(12, record.length, true);
    const twice = new Uint8Array(Buffer.concat([one.subarray(0, directory), Uint8Array.from(record), end]));
    await expect(contents(twice)).rejects.toThrow('its 64-bit sizes stand there twice');
  });
});

/** The archive with bytes of nobody's before a mark, and whatever counts from the beginning as it was. */
function between(archive: Uint8Array, mark: string): Uint8Array {
  const at = Buffer.from(archive).indexOf(mark, 0, 'latin1');
  const grown = new Uint8Array(Buffer.concat([archive.subarray(0, at), utf8('nobody'), archive.subarray(at)]));
  if (mark !== END_64) return grown;
  const locator = Buffer.from(grown).indexOf('PK\x06\x07', 0, 'latin1');
  new DataView(grown.buffer).setUint32(locator + 8, at + 6, true);
  return grown;
}

/** The second entry of the directory with the place of the first. */
function sameBytes(archive: Uint8Array): Uint8Array {
  const changed = archive.slice();
  const second = Buffer.from(archive).lastIndexOf(CENTRAL, undefined, 'latin1');
  changed.set([0, 0, 0, 0], second + 42);
  return changed;
}
