import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { CheckpointError } from '../error.ts';
import { isObject, parseJson } from '../fields.ts';
import { parseConfig } from '../model/config.ts';
import { quote, quoteSome } from '../quote.ts';
import { type ByteSource, LARGEST_TABLE } from './byte-source.ts';
import { type Checkpoint, checkpointFrom } from './checkpoint.ts';
import { asCheckpointError, type FileSource, openFile, readSmallFile } from './file-source.ts';
import { PUBLISHED_GENERATION, parseGenerationConfig, unsupportedSettings } from './generation.ts';
import { openSafetensors } from './safetensors.ts';
import type { StoredTensor } from './stored-tensor.ts';
import { openTorchArchive } from './torch-archive.ts';

export type { Checkpoint } from './checkpoint.ts';

/** Where weights may be, the first that is there counts. */
const WEIGHT_FILES = [
  'model.safetensors',
  'model.safetensors.index.json',
  'pytorch_model.bin',
  'pytorch_model.bin.index.json',
] as const;

/** The published checkpoint has ten; every one stays open. */
const MOST_SHARDS = 1000;

/**
 * Opens a model folder as Hugging Face lays it out: `config.json`, perhaps `generation_config.json`, and weights as
 * safetensors or as torch archives, in one file or in shards with an index. Weights are checked against the configuration,
 * but not read.
 *
 * @throws CheckpointError
 */
export async function openCheckpoint(path: string): Promise<Checkpoint> {
  const files = await listFolder(path);
  const config = parseConfig(await readJson(join(path, 'config.json')), join(path, 'config.json'));
  const generationFile = join(path, 'generation_config.json');
  const generationJson = files.has('generation_config.json') ? await readJson(generationFile) : undefined;
  const generation =
    generationJson === undefined ? PUBLISHED_GENERATION : parseGenerationConfig(generationJson, generationFile);
  const notes = unsupportedSettings(generationJson, generationFile);

  const weights = WEIGHT_FILES.find((file) => files.has(file));
  if (!weights) {
    const found = `no weights, expected ${WEIGHT_FILES.join(' or ')}`;
    throw new CheckpointError(path, found, 'download the whole checkpoint');
  }
  const open: FileSource[] = [];
  const close = async () => {
    await Promise.all(open.splice(0).map((file) => file.close()));
  };
  try {
    const tensors = weights.endsWith('.index.json')
      ? await openShards(path, weights, open)
      : await openWeights(join(path, weights), open);
    return checkpointFrom({ path, config, generation, notes, tensors, close });
  } catch (error) {
    await close();
    throw error;
  }
}

async function listFolder(path: string): Promise<ReadonlySet<string>> {
  try {
    if (!(await stat(path)).isDirectory()) {
      throw new CheckpointError(path, 'it is a file, expected a folder', 'name the folder that holds config.json');
    }
    return new Set(await readdir(path));
  } catch (error) {
    throw asCheckpointError(error, path);
  }
}

const readJson = async (path: string): Promise<unknown> => parseJson(await readSmallFile(path, LARGEST_TABLE), path);

/** The tensors of one file. It is added to the open ones, which the caller closes. */
async function openWeights(path: string, open: FileSource[]): Promise<ReadonlyMap<string, StoredTensor>> {
  const file = await openFile(path);
  open.push(file);
  await refusePointer(file);
  return path.endsWith('.safetensors') ? (await openSafetensors(file)).tensors : openTorchArchive(file);
}

/** A clone without Git LFS has a few lines of text in place of each large file. */
async function refusePointer(file: ByteSource): Promise<void> {
  const mark = 'version https://git-lfs';
  const begin = new TextDecoder().decode(await file.read(0, Math.min(mark.length, file.size)));
  if (begin === mark) throw new CheckpointError(file.name, 'it is a Git LFS pointer', 'run "git lfs pull" there');
}

/** The tensors of all shards that an index names. */
async function openShards(
  folder: string,
  index: string,
  open: FileSource[],
): Promise<ReadonlyMap<string, StoredTensor>> {
  const where = join(folder, index);
  const fileOf = parseIndex(await readJson(where), where, index.includes('safetensors') ? '.safetensors' : '.bin');
  const tensors = new Map<string, StoredTensor>();
  const unlisted: string[] = [];
  for (const file of new Set(fileOf.values())) {
    for (const [name, tensor] of await openWeights(join(folder, file), open)) {
      if (fileOf.get(name) === file) tensors.set(name, tensor);
      else unlisted.push(name);
    }
  }
  const absent = [...fileOf.keys()].filter((name) => !tensors.has(name));
  if (absent.length + unlisted.length === 0) return tensors;
  const problems = [
    ...(absent.length > 0 ? [`${absent.length} tensors are not in the shard it names (${quoteSome(absent)})`] : []),
    ...(unlisted.length > 0
      ? [`it does not list ${unlisted.length} that are in a shard (${quoteSome(unlisted)})`]
      : []),
  ];
  throw new CheckpointError(where, problems.join('; '), 'get the index and the shards again, from one place');
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
