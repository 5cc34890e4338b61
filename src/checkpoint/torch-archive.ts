import { elementCount } from '../../tensor/dtype.ts';
import { CheckpointError } from '../error.ts';
import { ZIP } from '../file-kind.ts';
import { quote } from '../quote.ts';
import { type ByteSource, DAMAGED, requireKind } from './byte-source.ts';
import type { StoredTensor } from './stored-tensor.ts';
import { isKind, type TensorRecord, type Unread } from './torch-values.ts';
import { readStateDict } from './unpickler.ts';
import { locateZipEntry, readZipDirectory, type ZipEntry } from './zip.ts';

/** The pickle of a whole published Qwen-VL has 0.1 MB; each of its bytes can make an object of some hundred. */
const LARGEST_PICKLE = 2 ** 20;

/**
 * Opens a state dict as `torch.save` writes it: a zip archive with `NAME/data.pkl`, which describes the tensors, and
 * `NAME/data/KEY`, the storages that they are views of. Nothing but the descriptions is read.
 *
 * @throws CheckpointError
 */
export async function openTorchArchive(source: ByteSource): Promise<Map<string, StoredTensor>> {
  await requireKind(source, ZIP);
  const entries = await readZipDirectory(source);
  const pickle = [...entries.values()].filter(({ name }) => /^[^/]+\/data\.pkl$/.test(name));
  if ([...entries.keys()].some((name) => /^[^/]+\/(code\/|constants\.pkl$)/.test(name))) {
    const remedy = 'save its weights: torch.save(torch.jit.load(FILE).state_dict(), FILE)';
    throw new CheckpointError(source.name, 'it is a TorchScript module, with its code', remedy);
  }
  if (pickle.length !== 1) {
    throw new CheckpointError(source.name, 'a zip archive without data.pkl', 'use a file that torch.save made');
  }
  const folder = pickle[0].name.slice(0, -'data.pkl'.length);
  await checkByteOrder(source, entries.get(`${folder}byteorder`));
  const records = readStateDict(await readEntry(source, pickle[0], LARGEST_PICKLE), source.name);

  const starts = new Map<string, number>(); // of storages, which tensors may share
  const tensors = new Map<string, StoredTensor>();
  let total = 0;
  for (const [name, record] of records) {
    if (isKind(record, 'unread')) {
      tensors.set(name, unreadTensor(source, name, record));
      continue;
    }
    const { key } = record.storage;
    const entry = entries.get(`${folder}data/${key}`);
    checkView(record, entry, `${source.name}, tensor ${quote(name)}`);
    const start = starts.get(key) ?? (await locateZipEntry(source, entry));
    starts.set(key, start);
    const tensor = storedTensor(source, name, record, start);
    tensors.set(name, tensor);
    total += tensor.bytes;
  }
  // Tied weights share a storage; a small file whose tensors all do would fill any memory.
  if (total > 2 * source.size) {
    throw new CheckpointError(source.name, `${total} bytes of tensors in ${source.size}`, 'save copies, not views');
  }
  return tensors;
}

async function readEntry(source: ByteSource, entry: ZipEntry, most: number): Promise<Uint8Array> {
  if (entry.size > most) {
    const found = `${quote(entry.name)} has ${entry.size} bytes, expected at most ${most}`;
    throw new CheckpointError(source.name, found, 'save the state dict alone, as the published shards are');
  }
  return source.read(await locateZipEntry(source, entry), entry.size);
}

/** Archives of torch 2 say in which order the bytes of a number stand; older ones are little-endian. */
async function checkByteOrder(source: ByteSource, entry: ZipEntry | undefined): Promise<void> {
  const order = entry ? new TextDecoder().decode(await readEntry(source, entry, 64)) : 'little';
  if (order !== 'little') {
    throw new CheckpointError(source.name, `its byte order is ${quote(order)}, expected "little"`, 'save it elsewhere');
  }
}

/** @throws CheckpointError when a view reaches outside its storage, or the storage is not as large as it should be */
function checkView(record: TensorRecord, entry: ZipEntry | undefined, where: string): asserts entry is ZipEntry {
  const { storage, offset, shape, strides } = record;
  if (!entry) throw new CheckpointError(where, `its storage ${quote(storage.key)} is not in the archive`, DAMAGED);
  const bytes = storage.elements * storage.type.bytes;
  if (bytes !== entry.size) {
    throw new CheckpointError(where, `its storage has ${entry.size} bytes, expected ${bytes}`, DAMAGED);
  }
  const count = elementCount(shape);
  const end = count === 0 ? offset : offset + reach(shape, strides);
  if (end > storage.elements || count > storage.elements) {
    const found = `[${shape.join(', ')}] at ${offset} with strides [${strides.join(', ')}]`;
    throw new CheckpointError(where, `${found} does not fit a storage of ${storage.elements} elements`, DAMAGED);
  }
}

/** Elements from a view's first to its last, both included. */
function reach(shape: readonly number[], strides: readonly number[]): number {
  return 1 + shape.reduce((last, size, axis) => last + (size - 1) * strides[axis], 0);
}

function storedTensor(source: ByteSource, name: string, record: TensorRecord, start: number): StoredTensor {
  const { storage, offset, shape, strides, negated } = record;
  const elementBytes = storage.type.bytes;
  const count = elementCount(shape);
  const spanned = count === 0 ? 0 : reach(shape, strides);
  return {
    name,
    dtype: storage.type.dtype,
    type: `of ${storage.typeName}`,
    shape,
    bytes: count * elementBytes,
    async read() {
      const span = await source.read(start + offset * elementBytes, spanned * elementBytes);
      const inOrder = isRowMajor(shape, strides) || count === 0;
      const elements = inOrder ? span : gather(span, shape, strides, elementBytes);
      return negated ? negate(elements, elementBytes) : elements;
    },
  };
}

/** What is known of a tensor whose elements nothing here reads. */
function unreadTensor(source: ByteSource, name: string, { what }: Unread): StoredTensor {
  const read = () =>
    Promise.reject(
      new CheckpointError(`${source.name}, tensor ${quote(name)}`, `it is ${what}`, 'save it as a plain tensor'),
    );
  return { name, dtype: undefined, type: what, shape: [], bytes: 0, read };
}

/** Changes the signs of little-endian floating-point numbers in place: of each the highest bit of its last byte. */
function negate(elements: Uint8Array, elementBytes: number): Uint8Array {
  for (let last = elementBytes - 1; last < elements.length; last += elementBytes) elements[last] ^= 0x80;
  return elements;
}

function isRowMajor(shape: readonly number[], strides: readonly number[]): boolean {
  let expected = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    if (shape[axis] !== 1 && strides[axis] !== expected) return false;
    expected *= shape[axis];
  }
  return true;
}

/** Copies the elements of a strided view into row-major order. */
function gather(span: Uint8Array, shape: readonly number[], strides: readonly number[], elementBytes: number) {
  const out = new Uint8Array(elementCount(shape) * elementBytes);
  const index = shape.map(() => 0);
  let from = 0; // in elements, as index · strides
  for (let to = 0; to < out.length; to += elementBytes) {
    for (let byte = 0; byte < elementBytes; byte++) out[to + byte] = span[from * elementBytes + byte];
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      from += strides[axis];
      if (++index[axis] < shape[axis]) break;
      from -= strides[axis] * shape[axis];
      index[axis] = 0;
    }
  }
  return out;
}
