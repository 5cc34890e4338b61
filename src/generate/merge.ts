import { add } from '../../kernels/add.ts';
import { matmul } from '../../kernels/linear.ts';
import type { Device } from '../../tensor/device.ts';
import { ELEMENT_BYTES, elementCount, type FileType, roundToBfloat16, roundToFloat16 } from '../../tensor/dtype.ts';
import { scope } from '../../tensor/scope.ts';
import { free, read, type Tensor, tensor } from '../../tensor/tensor.ts';
import { weightShapes } from '../architecture/weight-shapes.ts';
import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import { safetensorsHead } from '../checkpoint/safetensors.ts';
import type { StoredTensor } from '../checkpoint/stored-tensor.ts';

/** A file of weights that is written part by part. */
export interface MergedShard {
  readonly file: string;
  /** The file, once. */
  content(): AsyncGenerator<Uint8Array>;
}

/** A checkpoint with its adapter merged into it, as it is to be written. */
export interface Merged {
  readonly shards: readonly MergedShard[];
  /** Of `model.safetensors.index.json`. */
  readonly index: string;
  /** Of its weights. */
  readonly bytes: number;
}

/** As in the released script's recipe, `max_shard_size="2048MB"`. */
const SHARD_BYTES = 2048e6;

/**
 * Merges a LoRA adapter into its base: `W + s·B·A` in float32 (Hu et al. 2021, arXiv 2106.09685, section 4.1), rounded to the type that
 * the base has. What the base holds in 4 bits is unpacked, in the type of its scales. One weight is in memory at a time.
 *
 * @param checkpoint with the adapter put on
 * @param onTensor is told how many tensors are written, and of how many
 */
export function mergedShards(
  device: Device,
  checkpoint: Checkpoint,
  onTensor: (done: number, total: number) => void = () => undefined,
): Merged {
  const tensors = [...weightShapes(checkpoint.config)].map(([name, shape]): Entry => {
    const dtype = typeOf(checkpoint.tensors.get(name)!);
    return { name, shape, dtype, bytes: ELEMENT_BYTES[dtype] * elementCount(shape) };
  });
  const groups = grouped(tensors);
  const fileOf = (i: number) => `model-${number(i + 1)}-of-${number(groups.length)}.safetensors`;
  const files = groups.flatMap((group, i) => group.map(({ name }): [string, string] => [name, fileOf(i)]));
  const bytes = tensors.reduce((sum, each) => sum + each.bytes, 0);
  let done = 0;
  async function* content(group: readonly Entry[]): AsyncGenerator<Uint8Array> {
    yield safetensorsHead(
      group.map((each) => [each.name, each] as const),
      { format: 'pt' },
    ).head;
    for (const { name, shape, dtype } of group) {
      const data = rounded(await mergedWeight(device, checkpoint, name, shape), dtype);
      yield new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
      onTensor(++done, tensors.length);
    }
  }
  return {
    shards: groups.map((group, i) => ({ file: fileOf(i), content: () => content(group) })),
    index: `${JSON.stringify({ metadata: { total_size: bytes }, weight_map: Object.fromEntries(files) }, null, 2)}\n`,
    bytes,
  };
}

interface Entry {
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype: FileType;
  readonly bytes: number;
}

const typeOf = ({ dtype, packed }: StoredTensor): FileType => (packed ? packed.scales.dtype : dtype) ?? 'float32';

const number = (value: number): string => `${value}`.padStart(5, '0');

/** The tensors in their order, so many in a file as fit. */
function grouped(tensors: readonly Entry[]): Entry[][] {
  const groups: Entry[][] = [];
  let room = 0;
  for (const each of tensors) {
    if (groups.length === 0 || each.bytes > room) {
      groups.push([]);
      room = SHARD_BYTES;
    }
    groups.at(-1)!.push(each);
    room -= each.bytes;
  }
  return groups;
}

/** A weight as float32, with its change where it has one. */
export async function mergedWeight(
  device: Device,
  { load, lora }: Checkpoint,
  name: string,
  [N, K]: readonly number[],
): Promise<Float32Array> {
  const module = name.replace(/\.weight$/, '');
  const [nameA, nameB] = [`${module}.lora_A.weight`, `${module}.lora_B.weight`];
  const A = lora?.get(nameA);
  if (!A) return load(name);
  const merged = scope<Tensor>(() => {
    const factors = [
      tensor(device, () => load(nameB), [N, A[0]], { label: nameB }),
      tensor(device, () => load(nameA), A, { label: nameA }),
    ] as const;
    return add(
      tensor(device, () => load(name), [N, K], { label: name }),
      matmul(...factors),
    );
  });
  try {
    return Float32Array.from(await read(merged));
  } finally {
    free(merged);
  }
}

function rounded(values: Float32Array, dtype: FileType): Float32Array | Uint16Array {
  if (dtype === 'bfloat16') return roundToBfloat16(values);
  return dtype === 'float16' ? roundToFloat16(values) : values;
}
