import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Config, parseConfig } from '../architecture/config.ts';
import { parseJson } from '../fields.ts';
import { LARGEST_TABLE } from './byte-source.ts';
import { type Checkpoint, checkpointFrom } from './checkpoint.ts';
import { asCheckpointError, type FileSource, readSmallFile } from './file-source.ts';
import { fileInPlaceOfFolder, noWeights, refuseAdapter, refuseQuantised } from './folder-kind.ts';
import { PUBLISHED_GENERATION, parseGenerationConfig, unsupportedSettings } from './generation.ts';
import { openShards, openWeights } from './shards.ts';

export type { Checkpoint } from './checkpoint.ts';

/** Where weights may be, the first that is there counts. */
const WEIGHT_FILES = [
  'model.safetensors',
  'model.safetensors.index.json',
  'pytorch_model.bin',
  'pytorch_model.bin.index.json',
] as const;

/**
 * Opens a model folder as Hugging Face lays it out: `config.json`, perhaps `generation_config.json`, and weights as
 * safetensors or as torch archives, in one file or in shards with an index. Weights are checked against the configuration,
 * but not read.
 *
 * @throws CheckpointError
 */
export async function openCheckpoint(path: string): Promise<Checkpoint> {
  const files = await listFolder(path);
  const config = await configIn(path, files);
  const generationFile = join(path, 'generation_config.json');
  const generationJson = files.has('generation_config.json') ? await readJson(generationFile) : undefined;
  const generation =
    generationJson === undefined ? PUBLISHED_GENERATION : parseGenerationConfig(generationJson, generationFile);
  const notes = unsupportedSettings(generationJson, generationFile);

  const weights = WEIGHT_FILES.find((file) => files.has(file));
  if (!weights) throw noWeights(path, files, WEIGHT_FILES);
  const open: FileSource[] = [];
  const close = async () => {
    await Promise.all(open.splice(0).map((file) => file.close()));
  };
  try {
    const tensors = weights.endsWith('.index.json')
      ? await openShards(path, weights, await readJson(join(path, weights)), open)
      : await openWeights(join(path, weights), open);
    return checkpointFrom({ path, config, generation, notes, tensors, close });
  } catch (error) {
    await close();
    throw error;
  }
}

/** The configuration of a model folder alone. @throws CheckpointError */
export const openConfig = async (path: string): Promise<Config> => configIn(path, await listFolder(path));

async function configIn(path: string, files: ReadonlySet<string>): Promise<Config> {
  refuseAdapter(path, files);
  const file = join(path, 'config.json');
  const json = await readJson(file);
  refuseQuantised(path, files, json);
  return parseConfig(json, file);
}

async function listFolder(path: string): Promise<ReadonlySet<string>> {
  try {
    if (!(await stat(path)).isDirectory()) throw await fileInPlaceOfFolder(path);
    return new Set(await readdir(path));
  } catch (error) {
    throw asCheckpointError(error, path);
  }
}

const readJson = async (path: string): Promise<unknown> => parseJson(await readSmallFile(path, LARGEST_TABLE), path);
