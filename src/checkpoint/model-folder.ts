import { type Config, parseConfig } from '../architecture/config.ts';
import { parseJson } from '../fields.ts';
import { LARGEST_TABLE } from './byte-source.ts';
import { type Checkpoint, checkpointFrom } from './checkpoint.ts';
import { type FileSource, type Folder, pathIn, readWhole } from './files.ts';
import { noWeights, refuseAdapter } from './folder-kind.ts';
import { PUBLISHED_GENERATION, parseGenerationConfig, unsupportedSettings } from './generation.ts';
import { parseQuantisation, type Quantisation } from './quantisation.ts';
import { openShards, openWeights } from './shards.ts';

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
export async function openCheckpointIn(folder: Folder): Promise<Checkpoint> {
  const { path, files } = folder;
  const { config, quantisation } = await configOf(folder);
  const generationFile = pathIn(folder, 'generation_config.json');
  const generationJson = files.has('generation_config.json')
    ? await readJson(folder, 'generation_config.json')
    : undefined;
  const generation =
    generationJson === undefined ? PUBLISHED_GENERATION : parseGenerationConfig(generationJson, generationFile);
  const notes = unsupportedSettings(generationJson, generationFile);

  const known = weightFiles(quantisation);
  const weights = known.find((file) => files.has(file));
  if (!weights) throw noWeights(path, files, known);
  const open: FileSource[] = [];
  const close = async () => {
    await Promise.all(open.splice(0).map((file) => file.close()));
  };
  try {
    const tensors = weights.endsWith('.index.json')
      ? await openShards(folder, weights, await readJson(folder, weights), open)
      : await openWeights(folder, weights, open);
    const parts = { path, config, generation, notes, tensors, close };
    if (!quantisation) return checkpointFrom(parts);
    const { unpackGptq } = await import('./gptq.ts'); // which a page fetches with its first such model
    const unpacked = await unpackGptq(path, config, tensors, quantisation);
    return checkpointFrom({ ...parts, ...unpacked, notes: [...unpacked.notes, ...notes] });
  } catch (error) {
    await close();
    throw error;
  }
}

/** Where weights may be: AutoGPTQ has names of its own. */
const weightFiles = (quantisation: Quantisation | undefined): readonly string[] => [
  ...WEIGHT_FILES,
  ...(quantisation?.fileNames ?? []).flatMap((name) =>
    ['.safetensors', '.safetensors.index.json', '.bin', '.bin.index.json'].map((ending) => `${name}${ending}`),
  ),
];

/** The configuration of a model folder alone. @throws CheckpointError */
export const configIn = async (folder: Folder): Promise<Config> => (await configOf(folder)).config;

async function configOf(folder: Folder) {
  const { path, files } = folder;
  refuseAdapter(path, files);
  const json = await readJson(folder, 'config.json');
  const beside = files.has('quantize_config.json') ? await readJson(folder, 'quantize_config.json') : undefined;
  const quantisation = parseQuantisation(path, { config: json, beside, files });
  return { config: parseConfig(json, pathIn(folder, 'config.json')), quantisation };
}

const readJson = async (folder: Folder, file: string): Promise<unknown> =>
  parseJson(await readWhole(await folder.open(file), LARGEST_TABLE), pathIn(folder, file));
