import { elementCount, type FileType, widenBfloat16, widenFloat16 } from '../../tensor/dtype.ts';
import type { Int4Matrix } from '../../tensor/int4.ts';
import { CheckpointError } from '../error.ts';
import { quote } from '../quote.ts';

/** A tensor that lies in a file. */
export interface StoredTensor {
  readonly name: string;
  /** Undefined where nothing here reads its elements: that matters only when they are asked for. */
  readonly dtype: FileType | undefined;
  /** What the file calls its type, for people. */
  readonly type: string;
  readonly shape: readonly number[];
  /** Bytes of its elements, as `read` gives them. */
  readonly bytes: number;
  /**
   * Its elements, contiguous, row-major, little-endian, in a buffer of their own.
   *
   * @throws CheckpointError
   */
  read(): Promise<Uint8Array>;
  /** Where its file has 4-bit numbers, which `read` unpacks. */
  readonly packed?: PackedMatrix;
}

/** A matrix that lies packed in a file, in several parts. */
export interface PackedMatrix {
  /** Of all its parts. */
  readonly bytes: number;
  readonly scales: StoredTensor;
  /** @throws CheckpointError */
  read(): Promise<Int4Matrix>;
}

/** A tensor in memory, to be written. */
export interface HostTensor {
  readonly dtype: FileType;
  readonly shape: readonly number[];
  /** The elements, row-major. float16 and bfloat16 are given as their bits in a Uint16Array. */
  readonly data: ArrayBufferView;
}

/**
 * The elements of a stored tensor as float32: float16 and bfloat16 exactly, float64 and integers rounded to nearest.
 *
 * @throws CheckpointError
 */
export async function readFloat32(tensor: StoredTensor): Promise<Float32Array> {
  const { buffer } = await tensor.read();
  switch (tensor.dtype) {
    case 'float32':
      return new Float32Array(buffer);
    case 'float16':
      return widenFloat16(new Uint16Array(buffer));
    case 'bfloat16':
      return widenBfloat16(new Uint16Array(buffer));
    default:
      return Float32Array.from(wideElements(tensor, buffer));
  }
}

/**
 * The elements of a stored tensor as float64: exact for all but integers beyond 2⁵³; truth is 1, falsehood 0.
 *
 * @throws CheckpointError
 */
export async function readFloat64(tensor: StoredTensor): Promise<Float64Array> {
  switch (tensor.dtype) {
    case 'float32':
    case 'float16':
    case 'bfloat16':
      return Float64Array.from(await readFloat32(tensor));
    default:
      return wideElements(tensor, (await tensor.read()).buffer);
  }
}

function wideElements({ name, dtype, type }: StoredTensor, buffer: ArrayBufferLike): Float64Array {
  switch (dtype) {
    case 'float64':
      return new Float64Array(buffer);
    case 'int64':
      return Float64Array.from(new BigInt64Array(buffer), Number);
    case 'uint64':
      return Float64Array.from(new BigUint64Array(buffer), Number);
    case 'int32':
      return Float64Array.from(new Int32Array(buffer));
    case 'uint32':
      return Float64Array.from(new Uint32Array(buffer));
    case 'int16':
      return Float64Array.from(new Int16Array(buffer));
    case 'uint16':
      return Float64Array.from(new Uint16Array(buffer));
    case 'int8':
      return Float64Array.from(new Int8Array(buffer));
    case 'uint8':
      return Float64Array.from(new Uint8Array(buffer));
    case 'bool':
      return Float64Array.from(new Uint8Array(buffer), (byte) => (byte === 0 ? 0 : 1));
    default:
      throw new CheckpointError(`tensor ${quote(name)}`, `it is ${type}, which is not read`, 'convert it to float32');
  }
}

/** Whether a value is a shape that can be counted with: whole, non-negative, few axes, elements below 2⁵³. */
export function isShape(value: unknown): value is readonly number[] {
  return (
    Array.isArray(value) &&
    value.length <= MOST_AXES &&
    value.every((size) => Number.isSafeInteger(size) && size >= 0) &&
    // With a size 0 the others can still be absurd; no axis may make the rest uncountable.
    Number.isSafeInteger(elementCount(value.filter((size) => size > 0)))
  );
}

const MOST_AXES = 16;
