/** How the elements of a tensor may be kept where it is computed with. */
export type StorageType = 'float32' | 'float16' | 'bfloat16' | 'int32';

/** How the elements of a tensor may lie in a file, little-endian. */
export type FileType =
  | StorageType
  | 'float64'
  | 'int64'
  | 'int16'
  | 'int8'
  | 'uint64'
  | 'uint32'
  | 'uint16'
  | 'uint8'
  | 'bool';

/** Bytes of one element. */
export const ELEMENT_BYTES: Readonly<Record<FileType, number>> = {
  float64: 8,
  int64: 8,
  uint64: 8,
  float32: 4,
  int32: 4,
  uint32: 4,
  float16: 2,
  bfloat16: 2,
  int16: 2,
  uint16: 2,
  int8: 1,
  uint8: 1,
  bool: 1,
};

/** The elements of a contiguous tensor; 1 for a scalar. */
export function elementCount(shape: readonly number[]): number {
  return shape.reduce((count, size) => count * size, 1);
}

/**
 * bfloat16 → float32, exact: bfloat16 is the upper half of a float32. NaNs keep their payload.
 *
 * @param bits the elements' 16 bits
 */
export function widenBfloat16(bits: Uint16Array): Float32Array {
  const wide = new Uint32Array(bits.length);
  for (let i = 0; i < bits.length; i++) wide[i] = bits[i] << 16;
  return new Float32Array(wide.buffer);
}

/** float32 → the 16 bits of the nearest bfloat16, ties to even; too large becomes infinite, NaN stays NaN. */
export function roundToBfloat16(values: Float32Array): Uint16Array {
  const wide = bitsOf(values);
  const bits = new Uint16Array(values.length);
  for (let i = 0; i < bits.length; i++) {
    const u = wide[i];
    if ((u & 0x7fffffff) > 0x7f800000) {
      bits[i] = u & 0x007f0000 ? u >>> 16 : (u >>> 16) | 0x40; // a payload that is cut off may not leave an infinity
    } else {
      bits[i] = (u + 0x7fff + ((u >>> 16) & 1)) >>> 16;
    }
  }
  return bits;
}

/**
 * float16 (IEEE 754 binary16) → float32, exact, subnormals included. NaNs keep their payload.
 *
 * @param bits the elements' 16 bits
 */
export function widenFloat16(bits: Uint16Array): Float32Array {
  const wide = new Uint32Array(bits.length);
  for (let i = 0; i < bits.length; i++) wide[i] = float16To32(bits[i]);
  return new Float32Array(wide.buffer);
}

/** Bits of a float16 → bits of the same value as float32. */
function float16To32(h: number): number {
  const sign = (h & 0x8000) << 16;
  const exponent = (h >>> 10) & 0x1f;
  const mantissa = h & 0x3ff;
  if (exponent === 0x1f) return sign | 0x7f800000 | (mantissa << 13);
  if (exponent > 0) return sign | ((exponent + 112) << 23) | (mantissa << 13); // biases 127 − 15
  if (mantissa === 0) return sign;
  const shift = Math.clz32(mantissa) - 21; // a subnormal mantissa · 2⁻²⁴ is normal in float32
  return sign | ((113 - shift) << 23) | (((mantissa << shift) & 0x3ff) << 13);
}

/** float32 → the 16 bits of the nearest float16, ties to even; from 65,520 on infinite, NaN stays NaN. */
export function roundToFloat16(values: Float32Array): Uint16Array {
  const wide = bitsOf(values);
  const bits = new Uint16Array(values.length);
  for (let i = 0; i < bits.length; i++) {
    const sign = (wide[i] >>> 16) & 0x8000;
    bits[i] = sign | magnitudeToFloat16(wide[i] & 0x7fffffff, Math.abs(values[i]));
  }
  return bits;
}

function magnitudeToFloat16(u: number, value: number): number {
  if (u > 0x7f800000) return 0x7c00 | ((u >>> 13) & 0x3ff || 0x200); // NaN, as in roundToBfloat16
  if (u >= 0x47800000) return 0x7c00; // 2¹⁶
  if (u >= 0x38800000) return (u - (112 << 23) + 0xfff + ((u >>> 13) & 1)) >>> 13; // normal from 2⁻¹⁴ on
  return value * 2 ** 24 + 2 ** 52 - 2 ** 52; // float64's own rounding, at the last place of a subnormal
}

function bitsOf(values: Float32Array): Uint32Array {
  return new Uint32Array(values.buffer, values.byteOffset, values.length);
}
