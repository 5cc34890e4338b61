import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { closeDevice } from '../../tensor/device.ts';
import { read } from '../../tensor/tensor.ts';
import { type Config, parseConfig } from '../architecture/config.ts';
import { LARGEST_TABLE } from '../checkpoint/byte-source.ts';
import { readSmallFile, readText } from '../checkpoint/file-source.ts';
import { openCheckpoint } from '../checkpoint/folder.ts';
import { readVocabularyFile } from '../checkpoint/vocabulary-file.ts';
import { type FolderTexts, writeTexts, writeWeights } from '../checkpoint/write-folder.ts';
import { InputError } from '../error.ts';
import { isObject, parseJson } from '../fields.ts';
import { createTokenizer } from '../input/text/tokenizer.ts';
import { freeModel, loadModel, type Model } from '../model/qwen-vl.ts';
import { conversationFile } from '../train/conversation-file.ts';
import type { TrainingData } from '../train/course.ts';
import { initialWeights } from '../train/initial.ts';
import { PHASES, RECIPES, type Recipe, withPeak, withSteps } from '../train/recipes.ts';
import { train } from '../train/run.ts';
import type { RunSettings } from '../train/settings.ts';
import { loadState, saveState, type TrainingState } from '../train/state.ts';
import { requireFittingState } from '../train/state-fit.ts';
import { type Options, openDeviceFor, SHIPPED_MODEL, threadsOf, wholeNumber } from './options.ts';
import { bold, dim, say, thousands } from './terminal.ts';
import { reportTraining } from './train-progress.ts';

const STATE = 'training.safetensors';
const WEIGHTS = 'model.safetensors';
const MOST = 10_000_000;

/** `qvl train [FILE.jsonl] --out FOLDER`, `qvl train [FILE.jsonl] --resume FOLDER/training.safetensors` */
export async function runTrain(words: string[], options: Options): Promise<void> {
  if (words.length > 1) throw new InputError('qvl train', `${words.length} files`, 'give one file of conversations');
  const [file] = words;
  const run =
    options.resume === undefined ? await newRun(file, options) : await resumedRun(file, options, options.resume);
  const { folder, texts, config, settings, from } = run;
  const vocabulary = texts.get('qwen.tiktoken')!;
  const tokenizer = createTokenizer(vocabulary, join(folder, 'qwen.tiktoken'), config.visual.n_queries);
  const data = await dataFor(file, tokenizer, config, settings);
  if (from) requireFittingState(from, config, options.resume!, data.patches?.things);
  const { device, note } = await openDeviceFor(options);
  const stop = watchInterrupts();
  try {
    const model = loadModel(device, config, run.load);
    say(`${bold('device')}  · ${device.description}${note ? dim(` (${note})`) : ''}`);
    await writeTexts(folder, texts, 'choose another folder with --out');
    const report = await reportTraining(device, threadsOf(options), settings);
    const save = async (state: TrainingState) => {
      await saveState(join(folder, STATE), state);
    };
    const { finished } = await train(model, settings, data, { from, signal: stop.signal, onStep: report.step, save });
    report.stop();
    if (finished) await writeModel(folder, texts, model);
    const where = relative('', folder) || '.';
    if (finished) say(`trained: ask it with "qvl ask --model ${where} PICTURE QUESTION"`);
    else {
      say(`saved: go on with "qvl train${file === undefined ? '' : ` ${file}`} --resume ${join(where, STATE)}"`);
      process.exitCode = INTERRUPTED;
    }
    freeModel(model);
  } finally {
    stop.end();
    await run.close();
    await closeDevice(device);
  }
}

const INTERRUPTED = 130;

/** What a run begins with. */
interface Start {
  readonly folder: string;
  /** The files of the trained folder beside its weights. */
  readonly texts: FolderTexts;
  readonly config: Config;
  readonly settings: RunSettings;
  readonly from: TrainingState | undefined;
  load(name: string): Promise<Float32Array>;
  close(): Promise<void>;
}

async function newRun(file: string | undefined, options: Options): Promise<Start> {
  const { out, model: base = SHIPPED_MODEL, stage = '3' } = options;
  if (out === undefined)
    throw new InputError('qvl train', 'no folder for the trained checkpoint', 'name one with --out');
  const phases = Object.hasOwn(PHASES, stage) ? PHASES[stage] : undefined;
  if (!phases) throw new InputError('--stage', `"${stage}", expected 0, 1, 2 or 3`, 'choose one of them');
  if ((await readdir(out).catch(() => [])).length > 0) {
    throw new InputError(
      out,
      'there is something in it already',
      'choose another folder with --out, or go on with --resume',
    );
  }
  const { texts, config } = await readTexts(base, stage === '3' ? 'chatml' : 'raw');
  const seed = seedOf(options);
  const settings: RunSettings = {
    seed,
    phases: phases.map((phase) => ({ phase, recipe: recipeFor(RECIPES.small[phase], options) })),
    ...(file === undefined ? {} : { data: await fingerprint(file) }),
  };
  const common = { folder: out, texts, config, settings, from: undefined };
  if (stage === '0') {
    const initial = initialWeights(config, seed);
    return { ...common, load: async (name) => initial(name), close: async () => undefined };
  }
  const checkpoint = await openCheckpoint(base);
  return { ...common, load: (name) => checkpoint.load(name), close: () => checkpoint.close() };
}

async function resumedRun(file: string | undefined, options: Options, path: string): Promise<Start> {
  const decided = (['model', 'out', 'stage', 'steps', 'batch', 'rate', 'seed'] as const).find(
    (name) => options[name] !== undefined,
  );
  if (decided) throw new InputError(`--${decided}`, 'a run that goes on has decided that', 'leave it out');
  const from = await loadState(path);
  const { settings } = from;
  if (settings.data !== (file === undefined ? undefined : await fingerprint(file))) {
    const found =
      settings.data === undefined ? 'the run has no file of conversations' : 'not the file that the run began with';
    throw new InputError(
      file ?? 'qvl train --resume',
      found,
      settings.data === undefined ? 'leave it out' : 'name the same file',
    );
  }
  const folder = dirname(path);
  const { texts, config } = await readTexts(folder);
  const load = async (name: string) => from.tensors.get(`weight.${name}`)!.data;
  return { folder, texts, config, settings, from, load, close: async () => undefined };
}

/** @param format how the trained model is asked; as the folder says where it is left out */
async function readTexts(folder: string, format?: 'raw' | 'chatml'): Promise<{ texts: FolderTexts; config: Config }> {
  const path = join(folder, 'config.json');
  const configText = await readText(path, LARGEST_TABLE);
  const config = parseConfig(parseJson(configText, path), path);
  const texts = new Map([['config.json', configText]]);
  texts.set('qwen.tiktoken', await readVocabularyFile(join(folder, 'qwen.tiktoken')));
  const generation = join(folder, 'generation_config.json');
  const given = (await readdir(folder)).includes('generation_config.json');
  const json = given ? parseJson(await readSmallFile(generation, LARGEST_TABLE), generation) : {};
  const asked = { ...(isObject(json) ? json : {}), ...(format === undefined ? {} : { chat_format: format }) };
  texts.set('generation_config.json', `${JSON.stringify(asked, null, 2)}\n`);
  return { texts, config };
}

async function dataFor(
  file: string | undefined,
  tokenizer: ReturnType<typeof createTokenizer>,
  config: Config,
  { seed, phases }: RunSettings,
): Promise<TrainingData> {
  if (file === undefined) throw new InputError('qvl train', 'no file of conversations', 'give one');
  if (phases[0].phase === 'encoder')
    throw new InputError(file, 'stage 0 learns from made scenes alone', 'leave it out');
  const { data, size } = await conversationFile(file, tokenizer, config.max_position_embeddings, seed);
  say(dim(`  ${file}: ${size} conversations`));
  return data;
}

/** What the command line says of a recipe. @throws InputError */
function recipeFor(recipe: Recipe, options: Options): Recipe {
  const steps = wholeNumber(options, 'steps', MOST);
  const batch = wholeNumber(options, 'batch', 4096) ?? recipe.batch;
  const rate = options.rate === undefined ? recipe.peak : Number(options.rate);
  if (!(rate > 0 && rate < 1))
    throw new InputError('--rate', `"${options.rate}", expected a number between 0 and 1`, 'as in: --rate 1e-4');
  return { ...withPeak(steps === undefined ? recipe : withSteps(recipe, steps), rate), batch };
}

function seedOf({ seed = '0' }: Options): number {
  if (/^\d+$/.test(seed) && Number.isSafeInteger(Number(seed))) return Number(seed);
  throw new InputError('--seed', `"${seed}", expected a whole number`, 'give such a number');
}

async function fingerprint(file: string): Promise<string> {
  return createHash('sha256')
    .update(await readSmallFile(file, 2 ** 28))
    .digest('hex');
}

/** In the type that the configuration names: what is read again is what was trained, or rounded from it. */
async function writeModel(folder: string, texts: FolderTexts, model: Model): Promise<void> {
  const json = parseJson(texts.get('config.json')!, 'config.json');
  const dtype = isObject(json) && json.torch_dtype === 'bfloat16' ? 'bfloat16' : 'float32';
  const load = async (name: string) => Float32Array.from(await read(model.weights[name]));
  await writeWeights(folder, model.config, dtype, load, `free some space: ${STATE} has what was learned`);
  const parameters = Object.values(model.weights).reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b), 0);
  say(`${join(relative('', folder), WEIGHTS)}: ${thousands(parameters)} parameters, ${dtype}`);
}

/** Ctrl-C: the first lets the step be made, and what was learned be saved; a second one leaves at once. */
function watchInterrupts() {
  const controller = new AbortController();
  const interrupt = () => {
    if (controller.signal.aborted) process.exit(INTERRUPTED);
    controller.abort();
    say(dim('  after this step it is saved; Ctrl-C again leaves without'));
  };
  process.removeAllListeners('SIGINT'); // everywhere else it ends the process at once
  process.on('SIGINT', interrupt);
  return { signal: controller.signal, end: () => process.off('SIGINT', interrupt) };
}
