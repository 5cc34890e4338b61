import { isAdaptable } from '../architecture/weight-shapes.ts';
import { CheckpointError } from '../error.ts';
import { parseJson } from '../fields.ts';
import { quote, quoteSome, some } from '../quote.ts';
import { LARGEST_TABLE } from './byte-source.ts';
import type { Checkpoint } from './checkpoint.ts';
import { openFolder } from './file-source.ts';
import { type FileSource, pathIn, readWhole } from './files.ts';
import { openCheckpoint } from './folder.ts';
import { type LoraConfig, parseLoraConfig } from './lora-config.ts';
import { parseLoraKey } from './lora-keys.ts';
import { openWeights } from './shards.ts';
import { readFloat32, type StoredTensor } from './stored-tensor.ts';

/** A LoRA adapter on disk. */
export interface Lora {
  /** Where it is, for people. */
  readonly path: string;
  readonly config: LoraConfig;
  /** The changes of linear layers, by the layers' names. */
  readonly changes: ReadonlyMap<string, LoraChange>;
  /** Tensors that take the place of the base's, by their names. */
  readonly whole: ReadonlyMap<string, StoredTensor>;
  close(): Promise<void>;
}

/** The change of one linear layer: its weight becomes `W + scale · B·A`. */
export interface LoraChange {
  /** `[r, K]`. */
  readonly A: StoredTensor;
  /** `[N, r]`. */
  readonly B: StoredTensor;
  readonly rank: number;
  readonly scale: number;
}

const CONFIG = 'adapter_config.json';
/** The first that is there counts, as in PEFT. */
const WEIGHTS = ['adapter_model.safetensors', 'adapter_model.bin'] as const;
const WEIGHT_TYPES: readonly string[] = ['float32', 'float16', 'bfloat16'];
const OTHER_MODEL = 'use the model that the adapter was trained on';

/**
 * Opens a folder with a LoRA adapter as PEFT saves it, of any version. Its tensors are checked against its configuration, and not read.
 * Nothing that the configuration names is opened.
 *
 * @throws CheckpointError
 */
export async function openLora(path: string): Promise<Lora> {
  const folder = await openFolder(path);
  const weights = WEIGHTS.find((file) => folder.files.has(file));
  if (!weights || !folder.files.has(CONFIG)) {
    const inside = [...folder.files].filter((file) => /^checkpoint-\d+$/.test(file));
    const missing = weights ? CONFIG : WEIGHTS.join(' or ');
    const remedy = inside.length > 0 ? `name one of ${quoteSome(inside)} in it` : 'name the folder that PEFT saved';
    throw new CheckpointError(path, `${missing} is missing`, remedy);
  }
  const where = pathIn(folder, CONFIG);
  const config = parseLoraConfig(parseJson(await readWhole(await folder.open(CONFIG), LARGEST_TABLE), where), where);
  const open: FileSource[] = [];
  const close = async () => {
    await Promise.all(open.splice(0).map((file) => file.close()));
  };
  try {
    const tensors = await openWeights(folder, weights, open);
    return { path, config, ...changesIn(pathIn(folder, weights), tensors, config), close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** @throws CheckpointError for half a pair, two adapters in one, ranks that are not the configuration's, other mathematics */
function changesIn(file: string, tensors: ReadonlyMap<string, StoredTensor>, config: LoraConfig) {
  const pairs = new Map<string, { A?: StoredTensor; B?: StoredTensor }>();
  const whole = new Map<string, StoredTensor>();
  const adapters = new Set<string>();
  const problems: string[] = [];
  for (const [name, tensor] of tensors) {
    const key = parseLoraKey(name);
    if (key.kind === 'unused') continue;
    if (key.kind === 'other') {
      throw new CheckpointError(file, `${quote(name)} is ${key.what}, which is not done here`, 'use plain LoRA');
    }
    if (key.adapter !== '') adapters.add(key.adapter);
    if (!WEIGHT_TYPES.includes(tensor.dtype ?? '')) problems.push(`${quote(name)} is ${tensor.dtype ?? tensor.type}`);
    const twice = key.kind === 'whole' ? whole.has(key.name) : pairs.get(key.module)?.[key.kind] !== undefined;
    if (twice) problems.push(`${quote(name)} is there under two names`);
    if (key.kind === 'whole') whole.set(key.name, tensor);
    else pairs.set(key.module, { ...pairs.get(key.module), [key.kind]: tensor });
  }
  if (adapters.size > 1) {
    throw new CheckpointError(file, `it holds several adapters (${quoteSome([...adapters])})`, 'save the one alone');
  }
  const changes = new Map<string, LoraChange>();
  for (const [module, { A, B }] of pairs) {
    const rank = config.rankOf(module);
    const problem = A && B ? misfit(A, B, rank) : `lora_${A ? 'B' : 'A'} is missing`;
    if (problem) problems.push(`${quote(module)}: ${problem}`);
    else if (A && B) changes.set(module, { A, B, rank, scale: config.scaleOf(module) });
  }
  if (problems.length > 0) throw new CheckpointError(file, some(problems), 'save the adapter again');
  if (changes.size + whole.size === 0) throw new CheckpointError(file, 'it holds no tensor', 'save the adapter again');
  return { changes, whole };
}

/** What is wrong between two factors, if anything. */
function misfit(A: StoredTensor, B: StoredTensor, rank: number): string | undefined {
  if (A.shape.length !== 2 || B.shape.length !== 2) return 'it is no linear layer';
  if (A.shape[0] !== B.shape[1]) return `lora_A is [${A.shape.join(', ')}], lora_B is [${B.shape.join(', ')}]`;
  return A.shape[0] === rank ? undefined : `its rank is ${A.shape[0]}, ${CONFIG} says ${rank}`;
}

/**
 * A checkpoint with a LoRA adapter put on: the factors are tensors of their own, `….lora_A.weight` and `….lora_B.weight`, the second with
 * the scale in it. Closing it closes both.
 *
 * @throws CheckpointError naming what the checkpoint has no place for
 */
export function withLora(checkpoint: Checkpoint, lora: Lora): Checkpoint {
  const tensors = new Map(checkpoint.tensors);
  const factors = new Map<string, StoredTensor>();
  const shapes = new Map<string, readonly number[]>();
  const loraScales = new Map<string, number>();
  const problems: string[] = [];
  for (const [module, { A, B, scale }] of lora.changes) {
    const shape = checkpoint.tensors.get(`${module}.weight`)?.shape;
    if (!shape) problems.push(`${quote(module)} is not in the model`);
    else if (!isAdaptable(module))
      problems.push(`${quote(module)} cannot have a LoRA: the model never calls it as a linear layer`);
    else if (B.shape[0] !== shape[0] || A.shape[1] !== shape[1]) {
      problems.push(`${quote(module)} changes [${B.shape[0]}, ${A.shape[1]}], its weight is [${shape.join(', ')}]`);
    }
    factors.set(`${module}.lora_A.weight`, A);
    factors.set(`${module}.lora_B.weight`, scaled(B, scale));
    loraScales.set(`${module}.lora_B.weight`, scale);
  }
  for (const [name, tensor] of lora.whole) {
    const shape = checkpoint.tensors.get(name)?.shape;
    if (!shape) problems.push(`${quote(name)} is not in the model`);
    else if (shape.join() !== tensor.shape.join()) {
      problems.push(`${quote(name)} is [${tensor.shape.join(', ')}], the model's [${shape.join(', ')}]`);
    }
    tensors.set(name, tensor);
  }
  if (problems.length > 0) throw new CheckpointError(lora.path, some(problems), OTHER_MODEL);
  for (const [name, tensor] of factors) {
    tensors.set(name, tensor);
    shapes.set(name, tensor.shape);
  }
  return {
    ...checkpoint,
    tensors,
    lora: shapes,
    loraScales,
    notes: [...checkpoint.notes, ...describeLora(lora, checkpoint)],
    load: ((name: string, compact?: boolean) => {
      const own = factors.get(name) ?? lora.whole.get(name);
      if (!own) return checkpoint.load(name, compact);
      return own.dtype === 'bfloat16' && compact
        ? own.read().then(({ buffer }) => new Uint16Array(buffer as ArrayBuffer))
        : readFloat32(own);
    }) as Checkpoint['load'], // what it gives depends on what it is asked for
    async close() {
      await Promise.all([checkpoint.close(), lora.close()]);
    },
  };
}

/**
 * Opens a model folder, with the adapter of another folder put on where one is named.
 *
 * @throws CheckpointError
 */
export async function openAdapted(folder: string, adapter: string | undefined): Promise<Checkpoint> {
  const checkpoint = await openCheckpoint(folder);
  return adapter === undefined ? checkpoint : adapted(checkpoint, adapter);
}

/** A checkpoint with the adapter of a folder; where that cannot be, the checkpoint is closed. @throws CheckpointError */
export async function adapted(checkpoint: Checkpoint, adapter: string): Promise<Checkpoint> {
  let lora: Lora | undefined;
  try {
    lora = await openLora(adapter);
    return withLora(checkpoint, lora);
  } catch (error) {
    await Promise.all([checkpoint.close(), lora?.close()]);
    throw error;
  }
}

/** A tensor times a number, in float32: exact where the number is a power of two, as most are. */
function scaled(tensor: StoredTensor, scale: number): StoredTensor {
  const read = async () =>
    new Uint8Array((await readFloat32(tensor)).map((value) => scale * value).buffer as ArrayBuffer);
  return { ...tensor, dtype: 'float32', type: 'float32', bytes: 4 * tensor.shape[0] * tensor.shape[1], read };
}

/** What an adapter does, and what it promises and does not hold, in lines for people. */
function describeLora({ path, config, changes, whole }: Lora, base: Checkpoint): readonly string[] {
  const names = [...changes.keys(), ...[...whole.keys()].map((name) => name.replace(/\.(weight|bias)$/, ''))];
  const isThere = (end: string) => names.some((name) => name === end || name.endsWith(`.${end}`));
  const ranks = [...new Set([...changes.values()].map(({ rank }) => rank))].sort((a, b) => a - b);
  const scales = [...new Set([...changes.values()].map(({ scale }) => Number(scale.toPrecision(3))))];
  const replaced = whole.size > 0 ? `, replaces ${some([...whole.keys()])}` : '';
  const lines = [
    `adapter ${path}: changes ${changes.size} layers (rank ${some(ranks.map(String))}, scale ${some(scales.map(String))})${replaced}`,
  ];
  const unsaved = config.whole.filter((end) => !isThere(end));
  if (unsaved.length > 0) {
    lines.push(
      `the adapter's configuration promises ${quoteSome(unsaved)} as a whole, and its file lacks them: the base's are used (the checkpoint-N folders of a training may have them)`,
    );
  }
  const untouched = (config.targets ?? []).filter((end) => !isThere(end));
  if (untouched.length > 0)
    lines.push(`the adapter's configuration names ${quoteSome(untouched)}, and its file has no such layer`);
  const packed = [...base.tensors.values()].some((tensor) => tensor.packed);
  if (config.base !== undefined && /int4|gptq/i.test(config.base) !== packed) {
    lines.push(
      `the adapter was trained on ${quote(config.base)}, the model here is ${packed ? '' : 'not '}in 4 bits: answers differ slightly`,
    );
  }
  if (base.generation.chat_format === 'raw') {
    lines.push(
      'the model is asked to continue plain text, and adapters of the released script answer in a chat: "chat_format" in generation_config.json decides',
    );
  }
  return [...lines, ...config.notes];
}
