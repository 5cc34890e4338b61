import { isBuffer } from '../architecture/weight-shapes.ts';
import { CheckpointError } from '../error.ts';
import { isObject } from '../fields.ts';
import { quote, quoteSome } from '../quote.ts';
import { type ByteSource, LARGEST_TABLE } from './byte-source.ts';
import { type FileSource, type Folder, pathIn } from './files.ts';
import { openSafetensors } from './safetensors.ts';
import type { StoredTensor } from './stored-tensor.ts';
import { openTorchArchive } from './torch-archive.ts';

/** The published checkpoint has ten; every one stays open. */
const MOST_SHARDS = 1000;
/** What the tables of all shards may have together; those of the published checkpoint have 0.2 MB. */
const MOST_TABLE_BYTES = 8 * LARGEST_TABLE;

const AGAIN = 'get the index and the shards again, from one place';

/** The tensors of one file. It is added to the open ones, which the caller closes. @throws CheckpointError */
export async function openWeights(
  folder: Folder,
  file: string,
  open: FileSource[],
): Promise<ReadonlyMap<string, StoredTensor>> {
  return tensorsOf(await opened(folder, file, open));
}

const tensorsOf = async (file: ByteSource): Promise<ReadonlyMap<string, StoredTensor>> =>
  file.name.endsWith('.safetensors') ? (await openSafetensors(file)).tensors : openTorchArchive(file);

async function opened(folder: Folder, name: string, open: FileSource[]): Promise<FileSource> {
  const file = await folder.open(name);
  open.push(file);
  return file;
}

/**
 * The tensors of all shards that an index names, each opened once.
 *
 * @param json the content of the index
 * @param open takes up the open files, which the caller closes
 * @throws CheckpointError
 */
export async function openShards(
  folder: Folder,
  index: string,
  json: unknown,
  open: FileSource[],
): Promise<ReadonlyMap<string, StoredTensor>> {
  const where = pathIn(folder, index);
  const fileOf = parseIndex(json, where, index.includes('safetensors') ? '.safetensors' : '.bin');
  const tensors = new Map<string, StoredTensor>();
  const unlisted: string[] = [];
  const names = new Map<string, string>(); // of the files, by what they are
  const tables: Tables = { bytes: 0, counting: true };
  for (const file of new Set(fileOf.values())) {
    const shard = await opened(folder, file, open);
    const same = names.get(shard.identity);
    if (same !== undefined) throw new CheckpointError(where, `${quote(same)} and ${quote(file)} are one file`, AGAIN);
    names.set(shard.identity, file);
    for (const [name, tensor] of await tensorsOf(counted(shard, tables, where))) {
      if (fileOf.get(name) === file) tensors.set(name, tensor);
      else if (!isBuffer(name)) unlisted.push(name);
    }
  }
  tables.counting = false;
  const absent = [...fileOf.keys()].filter((name) => !tensors.has(name) && !isBuffer(name));
  if (absent.length + unlisted.length === 0) return tensors;
  const problems = [
    ...(absent.length > 0 ? [`${absent.length} tensors are not in the shard it names (${quoteSome(absent)})`] : []),
    ...(unlisted.length > 0
      ? [`it does not list ${unlisted.length} that are in a shard (${quoteSome(unlisted)})`]
      : []),
  ];
  throw new CheckpointError(where, problems.join('; '), AGAIN);
}

/** What was read to open the shards; later reads are weights. */
interface Tables {
  bytes: number;
  counting: boolean;
}

/** A shard whose tables are counted, so that those of many together cannot take what those of one may not. */
function counted({ name, size, read }: ByteSource, tables: Tables, where: string): ByteSource {
  return {
    name,
    size,
    read(offset, length) {
      if (tables.counting) tables.bytes += length;
      if (tables.bytes <= MOST_TABLE_BYTES) return read(offset, length);
      const found = `the tables of its shards have more than ${MOST_TABLE_BYTES} bytes`;
      return Promise.reject(new CheckpointError(where, found, AGAIN));
    },
  };
}

/** `{ "weight_map": { name: file } }` @throws CheckpointError also for a file that is not directly in the folder */
function parseIndex(json: unknown, where: string, extension: string): Map<string, string> {
  const map = isObject(json) ? json.weight_map : undefined;
  const remedy = 'get the index again';
  if (!isObject(map)) throw new CheckpointError(where, `weight_map is ${quote(map)}, expected an object`, remedy);
  const fileOf = new Map<string, string>();
  for (const [name, file] of Object.entries(map)) {
    if (typeof file !== 'string' || !/^[\w-][\w.-]{0,200}$/.test(file) || !file.endsWith(extension)) {
      const expected = `the plain name of a ${extension} file`;
      throw new CheckpointError(where, `${quote(name)} is in ${quote(file)}, expected ${expected}`, remedy);
    }
    fileOf.set(name, file);
  }
  const shards = new Set(fileOf.values()).size;
  if (shards > MOST_SHARDS) {
    throw new CheckpointError(where, `${shards} shards, expected at most ${MOST_SHARDS}`, remedy);
  }
  return fileOf;
}
