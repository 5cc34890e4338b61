import { stat } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { closeDevice, createDevice } from '../../tensor/device.ts';
import { nullDriver } from '../../tensor/null.ts';
import { scope } from '../../tensor/scope.ts';
import { tensor } from '../../tensor/tensor.ts';
import { type Config, parseConfig } from '../architecture/config.ts';
import { weightShapes } from '../architecture/weight-shapes.ts';
import { readSmallFile } from '../checkpoint/file-source.ts';
import { openAdapted } from '../checkpoint/lora.ts';
import { InputError } from '../error.ts';
import { parseJson } from '../fields.ts';
import { nextScores } from '../generate/generate.ts';
import { adaptFeatures, createCache, encodePatches, loadModel, type Model } from '../model/qwen-vl.ts';
import { type Part, profileParts } from '../profile/parts.ts';
import { ROOT } from '../shipped.ts';
import { listTaps, plainInputs } from '../verify/taps.ts';
import { printChanges, printWeights } from './inspect-folder.ts';
import { memoryBytes, type Options, wholeNumber } from './options.ts';
import { bold, print, thousands } from './terminal.ts';

/** What a question usually adds to its picture: roles, tags and a dozen words. */
const QUESTION_TOKENS = 24;
const LARGEST_CONFIG_BYTES = 1 << 20;
const PUBLISHED = join(ROOT, 'golden/published/config.json');

/**
 * `qvl inspect [CONFIG.json | FOLDER]`: lists its taps with `--taps`; otherwise prices one picture and one question on the `null` device, without a
 * weight, and of a folder what its weights take, and what an adapter changes.
 */
export async function runInspect(words: string[], options: Options): Promise<void> {
  if (words.length > 1) throw new InputError('qvl inspect', `${words.length} files`, 'give one config.json');
  if (words.length > 0 && options.model !== undefined) {
    throw new InputError('--model', `and ${words[0]} too`, 'give one of them');
  }
  const named = words[0] ?? options.model;
  const folder = named !== undefined && (await isFolder(named)) ? named : undefined;
  if (folder === undefined && options.adapter !== undefined) {
    throw new InputError('--adapter', 'no folder of a model is named', 'name the one that it is for');
  }
  const memory = memoryBytes(options);
  if (folder === undefined && memory !== undefined) {
    throw new InputError('--memory', 'no folder of a model is named', 'name one, or leave it out');
  }
  const path = folder === undefined ? (named ?? PUBLISHED) : join(folder, 'config.json');
  const bytes = await readSmallFile(path, LARGEST_CONFIG_BYTES);
  const config = parseConfig(parseJson(bytes, path, 'give the config.json of a Qwen-VL checkpoint'), path);
  const tokens = wholeNumber(options, 'tokens', config.max_position_embeddings - 1);

  const length = tokens ?? config.visual.n_queries + 2 + QUESTION_TOKENS;
  if (options.taps) return printTaps(config, length);
  const { parts, peakBytes } = await price(config, length);
  const parameters = parametersByPart(config);
  const rows = parts.map(({ name, operations, bytes }) => [
    name,
    parameters.get(name)?.toLocaleString('en') ?? '',
    thousands(operations, 'FLOP'),
    thousands(bytes, 'B'),
  ]);
  const total = [...parameters.values()].reduce((a, b) => a + b, 0);
  const tensors = weightShapes(config).size;
  print(bold(`${relative('', path)}: ${tensors} tensors, ${total.toLocaleString('en')} parameters`));
  for (const [name, count, operations, bytes] of [['part', 'parameters', 'operations', 'bytes moved'], ...rows]) {
    print(`  ${name.padEnd(16)} ${count.padStart(15)} ${operations.padStart(12)} ${bytes.padStart(12)}`);
  }
  print(`  one picture, ${length} tokens, one step of decoding; float32: ${thousands(peakBytes, 'B')} at the peak`);
  if (folder === undefined) return;
  const checkpoint = await openAdapted(folder, options.adapter);
  try {
    printWeights(checkpoint, memory);
    await printChanges(checkpoint);
  } finally {
    await checkpoint.close();
  }
}

const isFolder = async (path: string) => (await stat(path).catch(() => undefined))?.isDirectory() ?? false;

/** Every activation that has a name, with its shape as PyTorch's module has it. */
async function printTaps(config: Config, length: number): Promise<void> {
  const taps = await listTaps(config, plainInputs(config, length));
  const width = Math.max(...taps.map(({ name }) => name.length));
  for (const { name, shape, madeBy } of taps) {
    print(`${name.padEnd(width)}  ${`[${shape.join(', ')}]`.padEnd(24)}  ${madeBy}`);
  }
}

/** Runs the shapes of a whole pass: picture, prompt, and one token after it. */
async function price(config: Config, length: number): Promise<{ parts: Part[]; peakBytes: number }> {
  const device = createDevice(nullDriver);
  const profile = profileParts(device);
  const model = loadModel(device, config, noData);
  scope<void>(() => pass(model, length, profile.enter));
  await device.queue.idle();
  const { peakBytes } = device.memory;
  await closeDevice(device);
  return { parts: profile.parts(), peakBytes };
}

const noData = () => Promise.reject(new Error('the null device loads no data'));

function pass(model: Model, length: number, enter: (part: string) => void): void {
  const { device, config } = model;
  const { image_size: size, n_queries: rows } = config.visual;
  enter('vision encoder');
  const encoded = encodePatches(model, tensor(device, noData, [3 * size, size]));
  enter('adapter');
  const features = adaptFeatures(model, encoded);
  const cache = createCache(model, length + 1);
  const source = Int32Array.from({ length }, (_, i) => (i < rows ? i : -1));
  enter('prefill');
  nextScores(model, [new Int32Array(length)], cache, { features, source });
  enter('decode 1 token');
  nextScores(model, [new Int32Array(1)], cache);
}

/** The paper's split: `ln_post` and `proj` count for the adapter. */
function parametersByPart(config: Config): Map<string, number> {
  const counts = new Map<string, number>();
  for (const [name, shape] of weightShapes(config)) {
    const adapter = /^transformer\.visual\.(attn_pool\.|ln_post\.|proj$)/.test(name);
    const part = adapter ? 'adapter' : name.startsWith('transformer.visual.') ? 'vision encoder' : 'prefill';
    counts.set(part, (counts.get(part) ?? 0) + shape.reduce((a, b) => a * b, 1));
  }
  return counts;
}
