import { type ByteSource, checkRange, DAMAGED, memorySource } from '../../checkpoint/byte-source.ts';
import type { FileSource, Folder } from '../../checkpoint/files.ts';
import { CheckpointError } from '../../error.ts';
import { isObject } from '../../fields.ts';

/** What a folder on the server holds: its page cannot list it. */
export const LISTING = 'files.json';

/** Files up to so many bytes are fetched whole, once; of larger ones the ranges that are read. */
const WHOLE = 64 * 2 ** 20;

/** Files that were dropped into the page, or chosen there. */
export function droppedFolder(files: readonly File[], path: string): Folder {
  const byName = new Map(files.map((file) => [file.name, file]));
  return {
    path,
    files: new Set(byName.keys()),
    async open(name) {
      const file = byName.get(name);
      if (!file) throw missing(name);
      const source = { name, size: file.size };
      return opened({
        ...source,
        async read(offset, length) {
          checkRange(source, offset, length);
          return new Uint8Array(await file.slice(offset, offset + length).arrayBuffer());
        },
      });
    },
  };
}

/**
 * A folder behind a whole address, with the list of its files beside them.
 *
 * @param onBytes told how many were fetched
 * @throws CheckpointError when there is no list
 */
export async function fetchedFolder(
  address: string,
  onBytes: (count: number) => void = () => undefined,
): Promise<Folder> {
  const at = (name: string) => new URL(encodeURIComponent(name), `${address}/`);
  const sizes = parseListing(await (await got(at(LISTING), LISTING)).json());
  const fetched = async (name: string, headers: Readonly<Record<string, string>> = {}) => {
    const bytes = new Uint8Array(await (await got(at(name), name, headers)).arrayBuffer());
    onBytes(bytes.length);
    return bytes;
  };
  return {
    path: address,
    files: new Set(sizes.keys()),
    async open(name) {
      const size = sizes.get(name);
      if (size === undefined) throw missing(name);
      if (size <= WHOLE) return opened(memorySource(await fetched(name), name));
      return opened({
        ...{ name, size },
        async read(offset, length) {
          checkRange({ name, size }, offset, length);
          const bytes = await fetched(name, { Range: `bytes=${offset}-${offset + length - 1}` });
          if (bytes.length === length) return bytes;
          const found = `${bytes.length} bytes came for a range of ${length}`;
          throw new CheckpointError(name, found, 'serve it from a host that answers ranges');
        },
      });
    },
  };
}

const opened = (source: ByteSource): FileSource => ({ ...source, identity: source.name, close: async () => undefined });

const missing = (name: string) => new CheckpointError(name, 'there is no such file', 'give the whole model folder');

async function got(url: URL, name: string, headers: Readonly<Record<string, string>> = {}): Promise<Response> {
  const response = await fetch(url, { headers }).catch((cause: unknown) => {
    throw new CheckpointError(name, 'it cannot be fetched', 'check that the server still runs', { cause });
  });
  if (!response.ok) throw new CheckpointError(name, `the server says ${response.status}`, DAMAGED);
  return response;
}

/** `{ "name": bytes }` @throws CheckpointError */
function parseListing(json: unknown): ReadonlyMap<string, number> {
  const entries = isObject(json) ? Object.entries(json) : [];
  if (entries.length === 0 || !entries.every(([, size]) => Number.isSafeInteger(size) && (size as number) >= 0)) {
    throw new CheckpointError(LISTING, 'it is no list of files with their sizes', 'build the page again');
  }
  return new Map(entries as [string, number][]);
}
