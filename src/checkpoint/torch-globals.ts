import type { FileType } from '../../tensor/dtype.ts';

/** What a pickle may name: a word with a meaning here, never something that is looked up and run. */
export interface Global {
  readonly kind: 'global';
  readonly name: string;
}

/** How the elements of a storage lie in the file; no type where nothing here reads them. */
export interface Elements {
  readonly dtype: FileType | undefined;
  readonly bytes: number;
}

const elements = (bytes: number, dtype?: FileType): Elements => ({ dtype, bytes });

/** The classes of storages, and the names of the types, that torch has for the same elements. */
const TYPES: readonly (readonly [storage: string, names: string, Elements])[] = [
  ['DoubleStorage', 'float64 double', elements(8, 'float64')],
  ['FloatStorage', 'float32 float', elements(4, 'float32')],
  ['HalfStorage', 'float16 half', elements(2, 'float16')],
  ['BFloat16Storage', 'bfloat16', elements(2, 'bfloat16')],
  ['LongStorage', 'int64 long', elements(8, 'int64')],
  ['IntStorage', 'int32 int', elements(4, 'int32')],
  ['ShortStorage', 'int16 short', elements(2, 'int16')],
  ['CharStorage', 'int8', elements(1, 'int8')],
  ['ByteStorage', 'uint8', elements(1, 'uint8')],
  ['BoolStorage', 'bool', elements(1, 'bool')],
  ['', 'uint64', elements(8, 'uint64')],
  ['', 'uint32', elements(4, 'uint32')],
  ['', 'uint16', elements(2, 'uint16')],
  ['ComplexDoubleStorage', 'complex128 cdouble', elements(16)],
  ['ComplexFloatStorage', 'complex64 cfloat', elements(8)],
  ['ComplexHalfStorage', 'complex32 chalf', elements(4)],
  ['QInt32Storage', 'qint32', elements(4)],
  ['QInt8Storage', 'qint8', elements(1)],
  ['QUInt8Storage', 'quint8', elements(1)],
  ['QUInt4x2Storage', 'quint4x2', elements(1)],
  ['QUInt2x4Storage', 'quint2x4', elements(1)],
  ['', 'float8_e4m3fn float8_e4m3fnuz float8_e5m2 float8_e5m2fnuz float8_e8m0fnu', elements(1)],
];

/** A storage's class → its elements. A storage without a type counts bytes. */
export const STORAGES: ReadonlyMap<string, Elements> = new Map([
  ...TYPES.filter(([storage]) => storage !== '').map(([storage, , type]) => [`torch ${storage}`, type] as const),
  ...['torch UntypedStorage', 'torch.storage UntypedStorage'].map((name) => [name, elements(1)] as const),
]);

/** A type's name → its elements. */
export const DTYPES: ReadonlyMap<string, Elements> = new Map(
  TYPES.flatMap(([, names, type]) => names.split(' ').map((name) => [`torch ${name}`, type] as const)),
);

export const ORDERED_DICT = 'collections OrderedDict';
/** Calls that make a dictionary, whatever their arguments. */
export const DICTIONARIES: ReadonlySet<string> = new Set([ORDERED_DICT, 'collections defaultdict']);

/** Calls that make a tensor which nothing here reads, and what it is. */
export const UNREAD_TENSORS: ReadonlyMap<string, string> = new Map([
  ['torch._utils _rebuild_qtensor', 'a quantised tensor'],
  ['torch._utils _rebuild_sparse_tensor', 'a sparse tensor'],
  ['torch._utils _rebuild_sparse_csr_tensor', 'a sparse tensor'],
  ['torch._utils _rebuild_nested_tensor', 'a nested tensor'],
  ['torch._utils _rebuild_meta_tensor_no_storage', 'a tensor without data (on the device "meta")'],
  ['torch._utils _rebuild_wrapper_subclass', 'a tensor of a special class'],
  ['torch._utils _rebuild_device_tensor_from_numpy', 'a tensor that NumPy saved'],
  ['torch._utils _rebuild_xla_tensor', 'a tensor that NumPy saved'],
]);

/** Names of what torch or Python writes for data beside weights: it is passed over. */
const PASSED_OVER: ReadonlySet<string> = new Set(
  [
    'torch: Size device Tensor Generator memory_format strided sparse_coo sparse_csr preserve_format contiguous_format',
    'torch: per_tensor_affine per_tensor_symmetric per_channel_affine per_channel_symmetric',
    'torch.nn.parameter: Parameter Buffer UninitializedParameter',
    'torch.serialization: _get_layout',
    'torch._utils: _get_layout',
    'builtins: set frozenset bytearray bytes complex slice range list tuple dict int float bool str object',
    '__builtin__: set frozenset bytearray bytes complex slice xrange list tuple dict int long float bool str unicode object',
    'collections: Counter deque',
    '_codecs: encode',
    'argparse: Namespace',
    'types: SimpleNamespace',
    'datetime: datetime date timedelta',
    'pathlib: PosixPath PurePosixPath WindowsPath PureWindowsPath',
    'numpy: dtype ndarray float64 float32 int64 int32',
    'numpy.core.multiarray: scalar _reconstruct',
    'numpy._core.multiarray: scalar _reconstruct',
  ].flatMap((line) => {
    const [module, names] = line.split(': ');
    return names.split(' ').map((name) => `${module} ${name}`);
  }),
);

/** Classes of modules, optimisers and trainers, and the functions that modules hold. */
const CLASSES_PASSED_OVER =
  /^(torch\.(nn|optim)\.[\w.]+ [A-Z]\w*|torch\.nn\.functional \w+|(transformers|transformers_modules|peft|accelerate)\.[\w.]+ [A-Z]\w*)$/;

/** The calls that rebuild a tensor, by their names. */
export const REBUILDERS = {
  tensor: 'torch._utils _rebuild_tensor',
  tensorV2: 'torch._utils _rebuild_tensor_v2',
  tensorV3: 'torch._utils _rebuild_tensor_v3',
  parameter: 'torch._utils _rebuild_parameter',
  parameterWithState: 'torch._utils _rebuild_parameter_with_state',
  fromType: 'torch._tensor _rebuild_from_type_v2',
} as const;

const KNOWN = new Set([
  ...STORAGES.keys(),
  ...DTYPES.keys(),
  ...DICTIONARIES,
  ...UNREAD_TENSORS.keys(),
  ...PASSED_OVER,
  ...Object.values(REBUILDERS),
]);

/** The words that torch writes; undefined for every other one. */
export function findGlobal(module: string, attribute: string): Global | undefined {
  const name = `${module} ${attribute}`;
  return KNOWN.has(name) || CLASSES_PASSED_OVER.test(name) ? { kind: 'global', name } : undefined;
}
