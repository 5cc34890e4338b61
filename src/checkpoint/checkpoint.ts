import type { Float16Bits } from '../../tensor/device.ts';
import { elementCount, type FileType, widenFloat16 } from '../../tensor/dtype.ts';
import type { Int4Matrix } from '../../tensor/int4.ts';
import type { Config } from '../architecture/config.ts';
import { isBuffer, weightShapes } from '../architecture/weight-shapes.ts';
import { CheckpointError } from '../error.ts';
import { quote, quoteSome, some } from '../quote.ts';
import { type GenerationConfig, PUBLISHED_GENERATION } from './generation.ts';
import { readFloat32, type StoredTensor } from './stored-tensor.ts';

/** A model on disk: its configuration, and its weights, which are read when they are asked for. */
export interface Checkpoint {
  /** Where it is, for people. */
  readonly path: string;
  readonly config: Config;
  readonly generation: GenerationConfig;
  /** What it asks for and is not done here, in lines for people. */
  readonly notes: readonly string[];
  /** Exactly the tensors of weightShapes, and the factors of a LoRA adapter. */
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  /** Names and shapes of those factors, where an adapter was put on. */
  readonly lora?: ReadonlyMap<string, readonly number[]>;
  /** What those of B are multiplied by when they are loaded: the scale of their change. */
  readonly loraScales?: ReadonlyMap<string, number>;
  /**
   * A weight as float32, row-major. Several may be read at once.
   *
   * @param compact leaves numbers of 16 and 4 bits as they are
   * @throws CheckpointError
   */
  load(name: string): Promise<Float32Array>;
  load(
    name: string,
    compact: boolean | undefined,
  ): Promise<Float32Array | Uint16Array<ArrayBuffer> | Float16Bits | Int4Matrix>;
  close(): Promise<void>;
}

/** How many numbers its weights have, those of an adapter among them. */
export const parameterCount = ({ tensors }: Pick<Checkpoint, 'tensors'>): number =>
  [...tensors.values()].reduce((sum, { shape }) => sum + elementCount(shape), 0);

/** The parts of a checkpoint, wherever they come from. */
export interface CheckpointParts {
  readonly path: string;
  readonly config: Config;
  /** Default: as in the published Qwen-VL-Chat. */
  readonly generation?: GenerationConfig;
  readonly notes?: readonly string[];
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  close?(): Promise<void>;
}

const WEIGHT_TYPES: readonly FileType[] = ['float32', 'float16', 'bfloat16'];

/**
 * Makes a checkpoint of a configuration and the tensors that belong to it. Buffers that hold nothing new are passed over.
 *
 * @throws CheckpointError that says which tensors are missing, too many, of another shape, or no weights
 */
export function checkpointFrom(parts: CheckpointParts): Checkpoint {
  const { path, config, generation, notes = [], close } = parts;
  const tensors = new Map([...parts.tensors].filter(([name]) => !isBuffer(name)));
  checkWeights(path, weightShapes(config), tensors);
  return {
    path,
    config,
    generation: generation ?? PUBLISHED_GENERATION,
    notes,
    tensors,
    load: (async (name: string, compact?: boolean) => {
      const tensor = tensors.get(name);
      if (!tensor)
        throw new CheckpointError(path, `no tensor is called ${quote(name)}`, 'see weightShapes for the names');
      if (compact && tensor.packed) return tensor.packed.read();
      if (compact && tensor.dtype === 'bfloat16') return new Uint16Array((await tensor.read()).buffer);
      if (compact && tensor.dtype === 'float16') return float16Bits(new Uint16Array((await tensor.read()).buffer));
      return readFloat32(tensor);
    }) as Checkpoint['load'], // what it gives depends on what it is asked for
    close: async () => close?.(),
  };
}

const float16Bits = (float16: Uint16Array): Float16Bits => ({
  length: float16.length,
  float16,
  onHost: () => widenFloat16(float16),
});

function checkWeights(
  path: string,
  shapes: ReadonlyMap<string, readonly number[]>,
  tensors: ReadonlyMap<string, StoredTensor>,
): void {
  const missing = [...shapes.keys()].filter((name) => !tensors.has(name));
  const extra = [...tensors.keys()].filter((name) => !shapes.has(name));
  const misshapen: string[] = [];
  for (const [name, shape] of shapes) {
    const tensor = tensors.get(name);
    if (!tensor) continue;
    const [found, expected] = [tensor.shape.join(', '), shape.join(', ')];
    if (found !== expected) misshapen.push(`${name} is [${found}], expected [${expected}]`);
    if (!tensor.dtype || !WEIGHT_TYPES.includes(tensor.dtype))
      misshapen.push(`${name} is ${tensor.dtype ?? tensor.type}`);
  }
  const problems: string[] = [];
  if (missing.length > 0) problems.push(`${missing.length} of ${shapes.size} tensors missing (${quoteSome(missing)})`);
  if (extra.length > 0) problems.push(`${extra.length} unknown (${quoteSome(extra)})${kindOfNames(extra)}`);
  if (misshapen.length > 0) problems.push(`${misshapen.length} of another kind (${some(misshapen)})`);
  if (problems.length > 0) {
    throw new CheckpointError(path, problems.join('; '), 'use the weights that belong to its config.json');
  }
}

/** What names that do not belong to the model tell of the checkpoint. */
function kindOfNames(names: readonly string[]): string {
  const kind = FOREIGN_NAMES.find(([pattern]) => names.some((name) => pattern.test(name)));
  return kind ? `: ${kind[1]}` : '';
}

const FOREIGN_NAMES: readonly (readonly [RegExp, string])[] = [
  [/\.(qweight|qzeros|g_idx|scales)$/, 'these are weights that GPTQ or AWQ quantised'],
  [/\.(absmax|nested_absmax|quant_map|quant_state\.\w+|SCB|weight_format)$/, 'bitsandbytes quantised these weights'],
  [/\.lora_[AB]\b/, 'these belong to a LoRA adapter'],
  [/^(module|_orig_mod|base_model\.model)\./, 'they were saved from inside a wrapper, save the model that it holds'],
];
