import { crc32 } from 'node:zlib';
import type { FileType } from '../../tensor/dtype.ts';

/** What torch.save would be given: storages, and tensors that are views of them, in elements. */
export interface Saved {
  readonly storages: Readonly<Record<string, { dtype: FileType; data: ArrayBufferView; elements: number }>>;
  readonly tensors: readonly (readonly [name: string, view: View])[];
}

export interface View {
  readonly storage: string;
  readonly offset: number;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
  /** Marked as one to negate when it is used. */
  readonly negated?: boolean;
}

const CLASSES: Partial<Record<FileType, string>> = {
  float64: 'DoubleStorage',
  float32: 'FloatStorage',
  float16: 'HalfStorage',
  bfloat16: 'BFloat16Storage',
  int64: 'LongStorage',
  bool: 'BoolStorage',
};

const utf8 = (text: string) => [...new TextEncoder().encode(text)];
const little = (value: number, bytes: number) =>
  Array.from({ length: bytes }, (_, i) => Number((BigInt(value) >> BigInt(8 * i)) & 0xffn));

/** The instructions of a pickle that the tests write, by what they leave on the stack. */
export const pickle = {
  proto: [0x80, 2],
  mark: [0x28],
  stop: [0x2e],
  emptyDict: [0x7d],
  emptyTuple: [0x29],
  setItem: [0x73],
  setItems: [0x75],
  tuple: [0x74],
  reduce: [0x52],
  build: [0x62],
  none: [0x4e],
  true: [0x88],
  false: [0x89],
  persistent: [0x51],
  text: (text: string) => [0x58, ...little(utf8(text).length, 4), ...utf8(text)],
  global: (module: string, name: string) => [0x63, ...utf8(`${module}\n${name}\n`)],
  keep: (index: number) => (index < 256 ? [0x71, index] : [0x72, ...little(index, 4)]),
  recall: (index: number) => (index < 256 ? [0x68, index] : [0x6a, ...little(index, 4)]),
  integer(value: number): number[] {
    if (value >= 0 && value < 256) return [0x4b, value];
    if (value >= 0 && value < 65536) return [0x4d, ...little(value, 2)];
    if (Math.abs(value) < 2 ** 31) return [0x4a, ...little(value, 4)];
    return [0x8a, 8, ...little(value, 8)];
  },
  integers: (values: readonly number[]) =>
    values.length === 0 ? [0x29] : [0x28, ...values.flatMap(pickle.integer), 0x74],
};

/** A state dict as torch.save pickles it: the names of functions and `storage` are kept and recalled. */
export function pickleStateDict({ storages, tensors }: Saved): Uint8Array {
  const p = pickle;
  const emptyOrdered = [...p.global('collections', 'OrderedDict'), ...p.emptyTuple, ...p.reduce];
  const items = tensors.flatMap(([name, view], i) => {
    const { dtype, elements } = storages[view.storage];
    return [
      ...p.text(name),
      ...(i === 0 ? [...p.global('torch._utils', '_rebuild_tensor_v2'), ...p.keep(300)] : p.recall(300)),
      ...p.mark,
      ...[...p.mark, ...(i === 0 ? [...p.text('storage'), ...p.keep(1)] : p.recall(1))],
      ...[...p.global('torch', CLASSES[dtype] ?? 'NoStorage'), ...p.text(view.storage), ...p.text('cpu')],
      ...[...p.integer(elements), ...p.tuple, ...p.persistent],
      ...[...p.integer(view.offset), ...p.integers(view.shape), ...p.integers(view.strides)],
      ...[...p.false, ...emptyOrdered],
      ...(view.negated ? [...p.emptyDict, ...p.text('neg'), ...p.true, ...p.setItem] : []),
      ...[...p.tuple, ...p.reduce],
    ];
  });
  const metadata = [...p.emptyDict, ...p.mark, ...p.text('_metadata'), ...emptyOrdered, ...p.setItems, ...p.build];
  return Uint8Array.from([...p.proto, ...emptyOrdered, ...p.mark, ...items, ...p.setItems, ...metadata, ...p.stop]);
}

/** An archive as torch.save writes it. */
export function torchArchive(saved: Saved, options: ZipOptions & { byteOrder?: string } = {}): Uint8Array {
  const files: [string, Uint8Array][] = [['some model/data.pkl', pickleStateDict(saved)]];
  if (options.byteOrder) files.push(['some model/byteorder', Uint8Array.from(utf8(options.byteOrder))]);
  for (const [key, { data }] of Object.entries(saved.storages)) {
    files.push([`some model/data/${key}`, new Uint8Array(data.buffer, data.byteOffset, data.byteLength)]);
  }
  files.push(['some model/version', Uint8Array.from(utf8('3\n'))]);
  return zip(files, options);
}

export interface ZipOptions {
  /** Sizes and offsets stand in the 64-bit fields alone. */
  readonly zip64?: boolean;
  readonly comment?: string;
  /** The method that the directory claims; the bytes are stored all the same. */
  readonly method?: number;
}

/** A zip archive of stored files. Local headers are padded, so that data begins at multiples of 64, as torch does. */
export function zip(files: readonly (readonly [string, Uint8Array])[], options: ZipOptions = {}): Uint8Array {
  const { zip64 = false, comment = '', method = 0 } = options;
  const parts: Uint8Array[] = [];
  let at = 0;
  const write = (...bytes: (readonly number[] | Uint8Array)[]) => {
    for (const part of bytes) {
      parts.push(Uint8Array.from(part));
      at += part.length;
    }
  };
  const field32 = (value: number) => (zip64 ? [255, 255, 255, 255] : little(value, 4));
  const central: number[][] = [];
  for (const [name, data] of files) {
    const header = at;
    const padding = 64 - ((at + 30 + name.length + 4) % 64);
    const checksum = little(crc32(data), 4);
    const common = [...little(0x0808, 2), ...little(method, 2), ...little(0, 4), ...checksum];
    write([0x50, 0x4b, 3, 4, 45, 0], common, little(data.length, 4), little(data.length, 4));
    write(little(name.length, 2), little(4 + padding, 2), utf8(name), utf8('FB'), little(padding, 2));
    write(new Uint8Array(padding), data);
    const sizes = [...little(data.length, 8), ...little(data.length, 8), ...little(header, 8)];
    const extra = zip64 ? [...little(0x7075, 2), 0, 0, 1, 0, ...little(24, 2), ...sizes] : [];
    central.push([
      ...[0x50, 0x4b, 1, 2, 45, 0, 45, 0, ...common, ...field32(data.length), ...field32(data.length)],
      ...[...little(name.length, 2), ...little(extra.length, 2), ...little(0, 10), ...field32(header)],
      ...[...utf8(name), ...extra],
    ]);
  }
  const [start, size, count] = [at, central.flat().length, files.length];
  write(...central);
  if (zip64) {
    const end = at;
    write([0x50, 0x4b, 6, 6], little(44, 8), [45, 0, 45, 0], little(0, 8), little(count, 8), little(count, 8));
    write(little(size, 8), little(start, 8), [0x50, 0x4b, 6, 7], little(0, 4), little(end, 8), little(1, 4));
  }
  const counts = zip64 ? [255, 255, 255, 255] : [...little(count, 2), ...little(count, 2)];
  write(
    [0x50, 0x4b, 5, 6],
    little(0, 4),
    counts,
    field32(size),
    field32(start),
    little(comment.length, 2),
    utf8(comment),
  );
  const out = new Uint8Array(at);
  let to = 0;
  for (const part of parts) {
    out.set(part, to);
    to += part.length;
  }
  return out;
}
