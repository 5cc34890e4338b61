import type { FileType } from '../../tensor/dtype.ts';
import { quote } from '../quote.ts';
import { isShape } from './stored-tensor.ts';
import {
  DICTIONARIES,
  DTYPES,
  type Elements,
  type Global,
  REBUILDERS,
  STORAGES,
  UNREAD_TENSORS,
} from './torch-globals.ts';

/** A block of elements that tensors are views of, kept in the archive as `data/KEY`. */
export interface StorageRecord {
  readonly kind: 'storage';
  readonly key: string;
  /** How its elements lie; those of a storage without a type are bytes. */
  readonly type: Elements;
  readonly typeName: string;
  readonly elements: number;
}

/** A tensor as PyTorch describes it: a strided view of a storage, all in elements. */
export interface TensorRecord {
  readonly kind: 'tensor';
  readonly storage: StorageRecord;
  readonly offset: number;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
  /** Its elements have the other sign than the storage's: torch negates lazily. */
  readonly negated: boolean;
}

/** What torch or Python writes beside weights, or a tensor of a kind that nothing here reads: only what it is. */
export interface Unread {
  readonly kind: 'unread';
  readonly what: string;
  readonly tensor: boolean;
}

export type PickleValue =
  | null
  | boolean
  | number
  | string
  | PickleValue[]
  | Map<PickleValue, PickleValue>
  | Global
  | StorageRecord
  | TensorRecord
  | Unread;

/** Makes the error for something that no state dict needs. */
export type Refuse = (found: string) => Error;

const REBUILDER_NAMES: ReadonlySet<string> = new Set(Object.values(REBUILDERS));
const FLOATS: readonly FileType[] = ['float64', 'float32', 'float16', 'bfloat16'];

export const unread = (what: string, tensor = false): Unread => ({ kind: 'unread', what, tensor });

/**
 * What a call that a pickle asks for stands for: an empty dictionary, the record of a tensor, or something unread. No argument
 * of a tensor's call is passed over unseen.
 *
 * @throws what `refuse` makes of any other call
 */
export function call(callee: PickleValue, args: PickleValue, refuse: Refuse): PickleValue {
  const wrong = () => refuse(`a call of ${describe(callee)} with ${describe(args)}`);
  if (!isKind(callee, 'global') || !Array.isArray(args)) throw wrong();
  const { name } = callee;
  if (name === REBUILDERS.fromType) return fromType(args, refuse, wrong);
  const rebuilt = rebuild(name, args, refuse, wrong);
  if (rebuilt) return rebuilt;
  if (REBUILDER_NAMES.has(name)) throw wrong();
  if (DICTIONARIES.has(name)) {
    if (name === 'collections OrderedDict' && args.length > 0) throw wrong();
    return new Map();
  }
  if (STORAGES.has(name) || DTYPES.has(name)) throw wrong();
  if (name === 'torch Size') return args.length === 1 && isShape(args[0]) ? [...args[0]] : unread('a size');
  return unread(shortName(name));
}

/** The calls of `torch/_utils.py` that rebuild a tensor; undefined for another one. */
function rebuild(
  name: string,
  args: readonly PickleValue[],
  refuse: Refuse,
  wrong: () => Error,
): TensorRecord | Unread | undefined {
  const what = UNREAD_TENSORS.get(name);
  if (what) return unread(what, true);
  const require = (holds: boolean) => {
    if (!holds) throw wrong();
  };
  switch (name) {
    case REBUILDERS.tensor: {
      // (storage, storage_offset, size, stride)
      const tensor = rebuildTensor(args, refuse);
      require(args.length === 4);
      return tensor;
    }
    case REBUILDERS.tensorV2: {
      // (…, requires_grad, backward_hooks, metadata = None)
      const tensor = rebuildTensor(args, refuse);
      require((args.length === 6 || args.length === 7) && isBookkeeping(args[4], args[5]));
      return withMetadata(tensor, args[6], refuse);
    }
    case REBUILDERS.tensorV3: {
      // (…, requires_grad, backward_hooks, dtype, metadata = None), of a storage of bytes
      const tensor = rebuildTensor(typed(args, args[6], refuse), refuse);
      require((args.length === 7 || args.length === 8) && isBookkeeping(args[4], args[5]));
      return withMetadata(tensor, args[7], refuse);
    }
    case REBUILDERS.parameter: // (data, requires_grad, backward_hooks)
    case REBUILDERS.parameterWithState: {
      // (…, state), attributes of no consequence
      const [data, requiresGrad, hooks] = args;
      require(args.length === (name === REBUILDERS.parameter ? 3 : 4) && isBookkeeping(requiresGrad, hooks));
      return isTensor(data) ? data : undefined;
    }
    default:
      return undefined;
  }
}

/** `(func, type, args, state)`, `torch/_tensor.py`: a tensor that has attributes, or is of a class of its own. */
function fromType([func, type, args, ...state]: PickleValue[], refuse: Refuse, wrong: () => Error): PickleValue {
  if (!isKind(func, 'global') || !isKind(type, 'global') || !Array.isArray(args) || state.length !== 1) throw wrong();
  const rebuilt = rebuild(func.name, args, refuse, wrong);
  if (!rebuilt) throw wrong();
  const plain = type.name === 'torch Tensor' || type.name === 'torch.nn.parameter Parameter';
  return plain ? rebuilt : unread(`a tensor of the class ${shortName(type.name)}`, true);
}

/** Whether gradients were wanted, and hooks, of which torch writes none. */
const isBookkeeping = (requiresGrad: PickleValue | undefined, hooks: PickleValue | undefined): boolean =>
  typeof requiresGrad === 'boolean' && (hooks === null || (hooks instanceof Map && hooks.size === 0));

function rebuildTensor([of, offset, shape, strides]: readonly PickleValue[], refuse: Refuse): TensorRecord {
  if (!isKind(of, 'storage')) throw refuse(`a tensor of ${describe(of)}`);
  if (!isCount(offset)) throw refuse(`a tensor at offset ${describe(offset)}`);
  if (!isShape(shape)) throw refuse('a tensor whose shape is no list of sizes');
  if (!Array.isArray(strides) || strides.length !== shape.length || !strides.every(isCount)) {
    throw refuse('a tensor whose strides do not fit its shape');
  }
  return { kind: 'tensor', storage: of, offset, shape: [...shape], strides: [...strides], negated: false };
}

/** Gives a storage of bytes its type, for types that came after torch's classes of storages. */
function typed([of, ...view]: readonly PickleValue[], type: PickleValue, refuse: Refuse): PickleValue[] {
  const found = isKind(type, 'global') ? DTYPES.get(type.name) : undefined;
  if (!isKind(of, 'storage') || of.type.bytes !== 1 || !found || !isKind(type, 'global')) {
    throw refuse(`a tensor of ${describe(of)} as ${describe(type)}`);
  }
  const elements = of.elements / found.bytes;
  if (!Number.isInteger(elements)) throw refuse(`a tensor of ${of.elements} bytes as ${shortName(type.name)}`);
  return [{ ...of, type: found, typeName: shortName(type.name), elements }, ...view];
}

/** Torch marks a tensor that is to be negated or conjugated when it is next used, `get_tensor_metadata` in `torch/_utils.py`. */
function withMetadata(tensor: TensorRecord, metadata: PickleValue | undefined, refuse: Refuse): TensorRecord {
  if (metadata === undefined || metadata === null) return tensor;
  if (!(metadata instanceof Map)) throw refuse(`a tensor with the metadata ${describe(metadata)}`);
  let { negated } = tensor;
  for (const [key, value] of metadata) {
    const complex = tensor.storage.type.dtype === undefined; // not read in any case
    if ((key !== 'neg' && key !== 'conj') || typeof value !== 'boolean' || (key === 'conj' && value && !complex)) {
      throw refuse(`a tensor with the metadata ${describe(key)}: ${describe(value)}`);
    }
    if (key === 'neg') negated = value;
    const { dtype } = tensor.storage.type;
    if (negated && dtype && !FLOATS.includes(dtype)) throw refuse(`negated elements of ${dtype}`);
  }
  return { ...tensor, negated };
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
  const found = isKind(type, 'global') ? STORAGES.get(type.name) : undefined;
  if (!found || !isKind(type, 'global')) throw refuse(`a storage of ${describe(type)}`);
  if (typeof key !== 'string' || !isCount(elements)) throw refuse('a storage without a key or a size');
  return { kind: 'storage', key, type: found, typeName: shortName(type.name), elements };
}

export function isKind<Kind extends 'global' | 'storage' | 'tensor' | 'unread'>(
  value: PickleValue | undefined,
  kind: Kind,
): value is Extract<PickleValue, { kind: Kind }> {
  return typeof value === 'object' && value !== null && 'kind' in value && value.kind === kind;
}

/** A tensor, whether its elements can be read or not. */
export const isTensor = (value: PickleValue | undefined): value is TensorRecord | Unread =>
  isKind(value, 'tensor') || (isKind(value, 'unread') && value.tensor);

/** A value in few words, for messages. */
export function describe(value: PickleValue | undefined): string {
  if (isKind(value, 'global')) return value.name;
  if (isKind(value, 'unread')) return value.what;
  if (isKind(value, 'storage') || isKind(value, 'tensor')) return `a ${value.kind}`;
  return quote(value);
}

const shortName = (name: string): string => name.replace(' ', '.');

function isCount(value: PickleValue | undefined): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
