import { ELEMENT_BYTES, elementCount, type FileType } from '../../tensor/dtype.ts';
import { CheckpointError } from '../error.ts';
import { isObject, parseJson } from '../fields.ts';
import { SAFETENSORS } from '../file-kind.ts';
import { quote } from '../quote.ts';
import { type ByteSource, DAMAGED, LARGEST_TABLE, requireKind } from './byte-source.ts';
import { type HostTensor, isShape, type StoredTensor } from './stored-tensor.ts';

const OPENING_BRACE = 0x7b;

const CODES: readonly (readonly [string, FileType])[] = [
  ['F64', 'float64'],
  ['I64', 'int64'],
  ['U64', 'uint64'],
  ['F32', 'float32'],
  ['I32', 'int32'],
  ['U32', 'uint32'],
  ['F16', 'float16'],
  ['BF16', 'bfloat16'],
  ['I16', 'int16'],
  ['U16', 'uint16'],
  ['I8', 'int8'],
  ['U8', 'uint8'],
  ['BOOL', 'bool'],
];
const TYPE_OF = new Map(CODES);
const CODE_OF = new Map(CODES.map(([code, dtype]) => [dtype, code]));

/** A safetensors file: its tensors by name, and the texts its writer added. */
export interface SafetensorsFile {
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  readonly metadata: ReadonlyMap<string, string>;
}

/**
 * Reads the header of a safetensors file: 8 bytes of length, JSON, then the elements of all tensors without gaps
 * (https://github.com/huggingface/safetensors#format).
 *
 * @throws CheckpointError when the header is none, or promises what the file does not hold
 */
export async function openSafetensors(source: ByteSource): Promise<SafetensorsFile> {
  const { header, dataStart } = await readHeader(source).catch(async (error) => {
    await requireKind(source, SAFETENSORS); // what it is says more than what it lacks
    throw error;
  });
  const tensors = new Map<string, StoredTensor>();
  const metadata = new Map<string, string>();
  const ranges: { name: string; start: number; end: number }[] = [];
  for (const [name, entry] of Object.entries(header)) {
    if (name === '__metadata__') {
      if (!isObject(entry)) throw notTexts(source.name, quote(entry));
      for (const [key, text] of Object.entries(entry)) {
        if (typeof text !== 'string') throw notTexts(source.name, `${quote(text)} as ${quote(key)}`);
        metadata.set(key, text);
      }
      continue;
    }
    const { dtype, type, shape, start, end } = parseEntry(entry, name, source.name);
    ranges.push({ name, start, end });
    const read = () => source.read(dataStart + start, end - start);
    tensors.set(name, { name, dtype, type, shape, bytes: end - start, read });
  }
  checkCover(ranges, source.size - dataStart, source.name);
  return { tensors, metadata };
}

const notTexts = (file: string, found: string) =>
  new CheckpointError(file, `__metadata__ is ${found}, expected an object of texts`, DAMAGED);

async function readHeader(source: ByteSource) {
  const fail = (found: string) => new CheckpointError(source.name, found, DAMAGED);
  if (source.size < 8) throw fail(`${source.size} bytes are too few for a safetensors file`);
  const prefix = new DataView((await source.read(0, 8)).buffer);
  const length = Number(prefix.getBigUint64(0, true));
  const most = Math.min(LARGEST_TABLE, source.size - 8);
  if (length > most) throw fail(`a header of ${length} bytes, expected at most ${most}`);
  const bytes = await source.read(8, length);
  // Of two fields that have one name another reader might take the other.
  const header = parseJson(bytes, `${source.name}, header`, DAMAGED, { uniqueNames: true });
  if (!isObject(header)) throw fail(`its header is ${quote(header)}, expected an object`);
  if (bytes[0] !== OPENING_BRACE) throw fail('its header does not begin with a brace');
  return { header, dataStart: 8 + length };
}

function parseEntry(entry: unknown, name: string, file: string) {
  const where = `${file}, tensor ${quote(name)}`;
  if (!isObject(entry)) throw new CheckpointError(where, `it is ${quote(entry)}, expected an object`, DAMAGED);
  const { dtype: code, shape, data_offsets: offsets } = entry;
  if (typeof code !== 'string') throw new CheckpointError(where, `its dtype is ${quote(code)}`, DAMAGED);
  const dtype = TYPE_OF.get(code);
  if (!isShape(shape)) throw new CheckpointError(where, 'its shape is no list of sizes', DAMAGED);
  const [start, end]: unknown[] = Array.isArray(offsets) && offsets.length === 2 ? offsets : [];
  if (!isOffset(start) || !isOffset(end) || start > end) {
    throw new CheckpointError(where, 'its data_offsets are no range', DAMAGED);
  }
  const type = `of the dtype ${quote(code)}`;
  if (dtype === undefined) return { dtype, type, shape: [...shape], start, end };
  const bytes = elementCount(shape) * ELEMENT_BYTES[dtype];
  if (end - start !== bytes) {
    throw new CheckpointError(
      where,
      `${end - start} bytes, expected ${bytes} for [${shape.join(', ')}] ${code}`,
      DAMAGED,
    );
  }
  return { dtype, type, shape: [...shape], start, end };
}

function isOffset(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

/** The format demands that every byte belongs to exactly one tensor. */
function checkCover(ranges: { name: string; start: number; end: number }[], size: number, file: string): void {
  ranges.sort((a, b) => a.start - b.start || a.end - b.end);
  let covered = 0;
  for (const { name, start, end } of ranges) {
    if (start !== covered) {
      const found = `tensor ${quote(name)} begins at byte ${start}, expected ${covered}, where the one before ends`;
      throw new CheckpointError(file, found, DAMAGED);
    }
    covered = end;
  }
  if (covered !== size) throw new CheckpointError(file, `${size} bytes of data, expected ${covered}`, DAMAGED);
}

/**
 * Makes a safetensors file. Tensors are sorted by element size, then name, so that each begins at a multiple of its
 * element size.
 *
 * @throws RangeError when a tensor's data does not fit its shape and type, or its name is reserved
 */
export function writeSafetensors(
  tensors: ReadonlyMap<string, HostTensor>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array {
  const sorted = [...tensors].sort(([nameA, a], [nameB, b]) => {
    return ELEMENT_BYTES[b.dtype] - ELEMENT_BYTES[a.dtype] || (nameA < nameB ? -1 : 1);
  });
  const { head, bytes } = safetensorsHead(sorted, metadata);
  const file = new Uint8Array(bytes);
  file.set(head);
  let at = head.length;
  for (const [name, tensor] of sorted) {
    const elements = elementsOf(name, tensor);
    file.set(elements, at);
    at += elements.length;
  }
  return file;
}

/**
 * What a safetensors file begins with, for one that is written part by part: the elements of all tensors follow in this order.
 *
 * @returns with the bytes of the whole file
 * @throws RangeError when a shape is none or a name is reserved
 */
export function safetensorsHead(
  tensors: Iterable<readonly [string, Pick<HostTensor, 'dtype' | 'shape'>]>,
  metadata: Readonly<Record<string, string>> = {},
): { head: Uint8Array; bytes: number } {
  const entries: [string, unknown][] = Object.keys(metadata).length > 0 ? [['__metadata__', metadata]] : [];
  let end = 0;
  for (const [name, { dtype, shape }] of tensors) {
    if (name === '__metadata__') throw new RangeError('no tensor may be called __metadata__');
    if (!isShape(shape)) throw new RangeError(`${name}: [${shape}] is no shape`);
    const start = end;
    end += elementCount(shape) * ELEMENT_BYTES[dtype];
    entries.push([name, { dtype: CODE_OF.get(dtype), shape, data_offsets: [start, end] }]);
  }
  const json = new TextEncoder().encode(JSON.stringify(Object.fromEntries(entries)));
  const length = Math.ceil(json.length / 8) * 8;
  const head = new Uint8Array(8 + length).fill(0x20); // spaces, which JSON ignores
  new DataView(head.buffer).setBigUint64(0, BigInt(length), true);
  head.set(json, 8);
  return { head, bytes: head.length + end };
}

/** The bytes of a tensor. @throws RangeError when they do not fit its shape and type */
export function elementsOf(name: string, { dtype, shape, data }: HostTensor): Uint8Array {
  if (data.byteLength !== elementCount(shape) * ELEMENT_BYTES[dtype]) {
    throw new RangeError(`${name}: ${data.byteLength} bytes for [${shape.join(', ')}] ${dtype}`);
  }
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}
