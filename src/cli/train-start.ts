/** What a training run begins with: a model, its files, data and settings, new or where it stopped. */
import { readdir } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import type { Device } from '../../tensor/device.ts';
import { type Config, parseConfig } from '../architecture/config.ts';
import { weightShapes } from '../architecture/weight-shapes.ts';
import { LARGEST_TABLE } from '../checkpoint/byte-source.ts';
import { readSmallFile, readText } from '../checkpoint/file-source.ts';
import { openCheckpoint } from '../checkpoint/folder.ts';
import { defaultMemory } from '../checkpoint/memory.ts';
import { readVocabularyFile } from '../checkpoint/vocabulary-file.ts';
import type { FolderTexts } from '../checkpoint/write-folder.ts';
import { InputError } from '../error.ts';
import { EVALUATION_SEEDS } from '../eval/scene-items.ts';
import { isObject, parseJson } from '../fields.ts';
import { loadModel, type Model } from '../model/qwen-vl.ts';
import { ROOT, SHIPPED_MODEL } from '../shipped.ts';
import { initialWeights } from '../train/initial.ts';
import type { TrainingData } from '../train/lessons.ts';
import { factorShapes, type Lora } from '../train/lora.ts';
import { PHASES, type Phase, RECIPES, TRAINED } from '../train/recipes.ts';
import type { RunOptions } from '../train/run.ts';
import type { RunSettings } from '../train/settings.ts';
import { loadState, type TrainingState } from '../train/state.ts';
import { requireFittingState } from '../train/state-fit.ts';
import type { Options } from './options.ts';
import { checkOutput } from './outputs.ts';
import { sharesIn } from './shares.ts';
import { dataFor, fingerprint } from './train-data.ts';
import { adaptedModel, factorsOf, fingerprintOf, loraOf } from './train-lora.ts';
import { recipeFor } from './train-recipe.ts';

export interface Start {
  /** Where the trained model goes. */
  readonly folder: string;
  /** The files of that folder beside its weights; none where an adapter is trained. */
  readonly texts: FolderTexts;
  readonly config: Config;
  readonly settings: RunSettings;
  readonly data: TrainingData;
  /** How good a model is for what it is trained for; undefined where nothing is asked. */
  readonly evaluate: RunOptions['evaluate'];
  /** Undefined for a new run. */
  readonly from: TrainingState | undefined;
  /** Puts the model that is trained on a device. @throws InputError where it does not fit the memory */
  model(device: Device): Model;
  /** The base of an adapter, as the command line calls it; undefined where the model's own weights are trained. */
  readonly base?: string;
  close(): Promise<void>;
}

/** The file of a folder that a run goes on from. */
export const STATE = 'training.safetensors';
/** The small model that stage 0 makes from nothing, if no other is named. */
const SMALL = {
  folder: join(ROOT, 'src', 'train', 'small'),
  vocabulary: join(ROOT, 'src', 'data', 'vocabulary', 'qwen.tiktoken'),
};

/**
 * @param file the user's conversations; made scenes where it is left out
 * @throws InputError for what cannot be trained so, before any work
 */
export async function newRun(file: string | undefined, options: Options): Promise<Start> {
  const { out, stage = '3' } = options;
  if (out === undefined) {
    throw new InputError('qvl train', 'no folder for the trained checkpoint', 'name one with --out');
  }
  const lora = loraOf(options);
  const phases = Object.hasOwn(PHASES, stage) ? PHASES[stage] : undefined;
  if (!phases) throw new InputError('--stage', `"${stage}", expected 0, 1, 2 or 3`, 'choose one of them');
  if ((await readdir(out).catch(() => [])).length > 0) {
    const remedy = 'choose another folder with --out, or go on with --resume';
    throw new InputError(out, 'there is something in it already', remedy);
  }
  await checkOutput(join(out, STATE), [], '--out');
  const base = options.model ?? SHIPPED_MODEL;
  const files = stage === '0' && options.model === undefined ? SMALL : filesIn(base);
  const { texts, config } = await readTexts(files, stage === '3' ? 'chatml' : 'raw');
  const seed = seedOf(options);
  const shares = sharesIn(options);
  const drawn = { seed, ...(shares ? { shares } : {}) };
  const { data, size, evaluate } = await dataFor(file, texts, config, { ...drawn, phase: phases[0] });
  const settings: RunSettings = {
    ...drawn,
    phases: phases.map((phase) => ({ phase, recipe: recipeFor(RECIPES.small[phase], options, config, size) })),
    ...(file === undefined ? {} : { data: await fingerprint(file) }),
  };
  const common = { folder: out, config, data, evaluate, from: undefined };
  if (lora) return adapterRun({ ...common, settings }, base, lora);
  requireMemory(config, phases);
  if (stage === '0') {
    const initial = initialWeights(config, seed);
    const model = (device: Device) => loadModel(device, config, async (name) => initial(name));
    return { ...common, texts, settings, model, close: async () => undefined };
  }
  const checkpoint = await openCheckpoint(base);
  if ([...checkpoint.tensors.values()].some(({ packed }) => packed)) {
    await checkpoint.close();
    throw new InputError(base, 'its weights have 4 bits, too few to learn in', 'train an adapter over it with --lora');
  }
  const model = (device: Device) => loadModel(device, config, (name) => checkpoint.load(name));
  return { ...common, texts, settings, model, close: () => checkpoint.close() };
}

/**
 * @param path of the state
 * @throws InputError where it is none, or of other data
 */
export async function resumedRun(file: string | undefined, options: Options, path: string): Promise<Start> {
  const DECIDED = [
    'out',
    'stage',
    'steps',
    'batch',
    'rate',
    'seed',
    'pack',
    'shares',
    'lora',
    'lora-alpha',
    'lora-targets',
  ] as const;
  const decided = DECIDED.find((name) => options[name] !== undefined);
  if (decided) throw new InputError(`--${decided}`, 'a run that goes on has decided that', 'leave it out');
  const from = await loadState(path);
  const { settings } = from;
  const { lora } = settings;
  if (options.model !== undefined && !lora) {
    throw new InputError('--model', 'the state has all weights', 'leave it out');
  }
  if (settings.data !== (file === undefined ? undefined : await fingerprint(file))) {
    const none = settings.data === undefined;
    const found = none ? 'the run learns from made scenes' : 'this is not the file that the run began with';
    throw new InputError(file ?? 'qvl train --resume', found, none ? 'leave it out' : 'name the same file');
  }
  const folder = dirname(path);
  const base = lora ? (options.model ?? SHIPPED_MODEL) : folder;
  const { texts, config } = await readTexts(filesIn(base));
  const { phase } = settings.phases[0];
  const { data, evaluate } = await dataFor(file, texts, config, { ...settings, phase });
  requireFittingState(from, config, path, data.patches?.things);
  const common = { folder, config, settings, data, evaluate, from };
  if (lora) return adapterRun(common, base, lora);
  const load = async (name: string) => from.tensors.get(`weight.${name}`)!.data;
  return { ...common, texts, model: (device) => loadModel(device, config, load), close: async () => undefined };
}

/**
 * A run of an adapter over a base, which it opens.
 *
 * @throws InputError where the run began over another one
 */
async function adapterRun(
  run: Pick<Start, 'folder' | 'config' | 'settings' | 'data' | 'evaluate' | 'from'>,
  base: string,
  lora: Lora,
): Promise<Start> {
  factorShapes(run.config, lora); // targets that no layer has are known before any work
  const checkpoint = await openCheckpoint(base);
  try {
    const known = await fingerprintOf(checkpoint);
    const { from } = run;
    if (from && known !== from.settings.lora?.base) {
      throw new InputError(base, 'this is not the model that the run began with', 'name the same one with --model');
    }
    const settings = { ...run.settings, lora: { ...lora, base: known } };
    const model = (device: Device) => adaptedModel(device, checkpoint, lora, factorsOf(settings, from));
    const texts = new Map<string, string>();
    return { ...run, texts, settings, model, base: relative('', base) || '.', close: () => checkpoint.close() };
  } catch (error) {
    await checkpoint.close();
    throw error;
  }
}

interface Files {
  readonly folder: string;
  readonly vocabulary: string;
}

const filesIn = (folder: string): Files => ({ folder, vocabulary: join(folder, 'qwen.tiktoken') });

/** @param format how the trained model is asked; as the folder says where it is left out */
async function readTexts(
  { folder, vocabulary }: Files,
  format?: 'raw' | 'chatml',
): Promise<{ texts: FolderTexts; config: Config }> {
  const path = join(folder, 'config.json');
  const configText = await readText(path, LARGEST_TABLE);
  const config = parseConfig(parseJson(configText, path), path);
  const generation = join(folder, 'generation_config.json');
  const given = (await readdir(folder)).includes('generation_config.json');
  const json = given ? parseJson(await readSmallFile(generation, LARGEST_TABLE), generation) : {};
  const asked = { ...(isObject(json) ? json : {}), ...(format === undefined ? {} : { chat_format: format }) };
  const texts = new Map([
    ['config.json', configText],
    ['qwen.tiktoken', await readVocabularyFile(vocabulary)],
    ['generation_config.json', `${JSON.stringify(asked, null, 2)}\n`],
  ]);
  return { texts, config };
}

/** Weights, and of what is trained a gradient and two moments, have to fit. @throws InputError */
function requireMemory(config: Config, phases: readonly Phase[]): void {
  const bytes = [...weightShapes(config)].reduce((sum, [name, shape]) => {
    const copies = phases.some((phase) => TRAINED[phase](name)) ? 4 : 1;
    return sum + 4 * copies * shape.reduce((a, b) => a * b, 1);
  }, 0);
  if (bytes <= defaultMemory()) return;
  const [needed, there] = [bytes, defaultMemory()].map((each) => `${(each / 1e9).toFixed(1)} GB`);
  const found = `weights, gradients and moments take ${needed}, and ${there} of this machine's memory are for them`;
  throw new InputError('qvl train', found, 'train a smaller model; --price tells what this one costs');
}

/** @throws InputError */
export function seedOf({ seed = '0' }: Options): number {
  const expected = `expected a whole number below ${EVALUATION_SEEDS}`;
  if (/^\d+$/.test(seed) && Number(seed) < EVALUATION_SEEDS) return Number(seed);
  throw new InputError('--seed', `"${seed}", ${expected}`, 'give such a number');
}
