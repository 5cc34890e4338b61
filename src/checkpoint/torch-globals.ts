import type { FileType } from '../../tensor/dtype.ts';
import { quote } from '../quote.ts';
import { isShape } from './stored-tensor.ts';

/** A block of elements that tensors are views of, kept in the archive as `data/KEY`. */
export interface StorageRecord {
  readonly kind: 'storage';
  readonly key: string;
  readonly dtype: FileType;
  readonly elements: number;
}

/** A tensor as PyTorch describes it: a strided view of a storage, all in elements. */
export interface TensorRecord {
  readonly kind: 'tensor';
  readonly storage: StorageRecord;
  readonly offset: number;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
}

/** What a pickle may name: a word with a meaning here, never something that is looked up and run. */
export interface Global {
  readonly kind: 'global';
  readonly name: string;
}

export type PickleValue =
  | null
  | boolean
  | number
  | string
  | PickleValue[]
  | Map<string, PickleValue>
  | Global
  | StorageRecord
  | TensorRecord;

const STORAGES: ReadonlyMap<string, FileType> = new Map([
  ['torch DoubleStorage', 'float64'],
  ['torch FloatStorage', 'float32'],
  ['torch HalfStorage', 'float16'],
  ['torch BFloat16Storage', 'bfloat16'],
  ['torch LongStorage', 'int64'],
  ['torch IntStorage', 'int32'],
  ['torch ByteStorage', 'uint8'],
]);

const ORDERED_DICT = 'collections OrderedDict';
const REBUILD_TENSOR = 'torch._utils _rebuild_tensor_v2';
const REBUILD_PARAMETER = 'torch._utils _rebuild_parameter';
const GLOBALS = new Set([...STORAGES.keys(), ORDERED_DICT, REBUILD_TENSOR, REBUILD_PARAMETER]);

/** The words that a state dict's pickle needs; undefined for every other one. */
export function findGlobal(name: string): Global | undefined {
  return GLOBALS.has(name) ? { kind: 'global', name } : undefined;
}

/** Makes the error for something that no state dict needs. */
type Refuse = (found: string) => Error;

/**
 * What a call that a pickle asks for stands for: an empty dictionary, or the record of a tensor.
 *
 * @throws what `refuse` makes of any other call
 */
export function call(callee: PickleValue, args: PickleValue, refuse: Refuse): PickleValue {
  const name = isKind(callee, 'global') ? callee.name : undefined;
  if (name === ORDERED_DICT && Array.isArray(args) && args.length === 0) return new Map();
  if (name === REBUILD_TENSOR && Array.isArray(args)) return rebuildTensor(args, refuse);
  if (name === REBUILD_PARAMETER && Array.isArray(args) && isKind(args[0], 'tensor')) return args[0];
  throw refuse(`a call of ${describe(callee)} with ${describe(args)}`);
}

/** `_rebuild_tensor_v2(storage, storage_offset, size, stride, requires_grad, backward_hooks)`, `torch/_utils.py` */
function rebuildTensor([of, offset, shape, strides]: PickleValue[], refuse: Refuse): TensorRecord {
  if (!isKind(of, 'storage')) throw refuse(`a tensor of ${describe(of)}`);
  if (!isCount(offset)) throw refuse(`a tensor at offset ${describe(offset)}`);
  if (!isShape(shape)) throw refuse('a tensor whose shape is no list of sizes');
  if (!Array.isArray(strides) || strides.length !== shape.length || !strides.every(isCount)) {
    throw refuse('a tensor whose strides do not fit its shape');
  }
  return { kind: 'tensor', storage: of, offset, shape: [...shape], strides: [...strides] };
}

/**
 * The storage that a persistent id stands for: `('storage', class, key, location, number of elements)`, `torch/serialization.py`.
 * The device it was on (its location) makes no difference.
 *
 * @throws what `refuse` makes of any other id
 */
export function storage(id: PickleValue, refuse: Refuse): StorageRecord {
  if (!Array.isArray(id) || id.length !== 5 || id[0] !== 'storage') throw refuse(`a reference to ${describe(id)}`);
  const [, type, key, , elements] = id;
  const dtype = isKind(type, 'global') ? STORAGES.get(type.name) : undefined;
  if (dtype === undefined) throw refuse(`a storage of ${describe(type)}`);
  if (typeof key !== 'string' || !isCount(elements)) throw refuse('a storage without a key or a size');
  return { kind: 'storage', key, dtype, elements };
}

export function isKind<Kind extends 'global' | 'storage' | 'tensor'>(
  value: PickleValue | undefined,
  kind: Kind,
): value is Extract<PickleValue, { kind: Kind }> {
  return typeof value === 'object' && value !== null && 'kind' in value && value.kind === kind;
}

/** A value in few words, for messages. */
export function describe(value: PickleValue | undefined): string {
  if (isKind(value, 'global')) return value.name;
  if (isKind(value, 'storage') || isKind(value, 'tensor')) return `a ${value.kind}`;
  return quote(value);
}

function isCount(value: PickleValue | undefined): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
