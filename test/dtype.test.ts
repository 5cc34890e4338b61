import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { roundToBfloat16, roundToFloat16, widenBfloat16, widenFloat16 } from '../tensor/dtype.ts';

const everyPattern = Uint16Array.from({ length: 65536 }, (_, bits) => bits);

const formats = [
  { name: 'float16', exponentBits: 5, mantissaBits: 10, widen: widenFloat16, round: roundToFloat16 },
  { name: 'bfloat16', exponentBits: 8, mantissaBits: 7, widen: widenBfloat16, round: roundToBfloat16 },
];

describe.each(formats)('$name', ({ exponentBits, mantissaBits, widen, round }) => {
  const bias = 2 ** (exponentBits - 1) - 1;
  const infinity = (2 ** exponentBits - 1) * 2 ** mantissaBits;

  /** The value by the definition of IEEE 754, section 3.4. */
  function valueOfBits(bits: number): number {
    const sign = bits & 0x8000 ? -1 : 1;
    const exponent = Math.floor((bits & 0x7fff) / 2 ** mantissaBits);
    const fraction = (bits % 2 ** mantissaBits) / 2 ** mantissaBits;
    if (exponent === 2 ** exponentBits - 1) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
    return sign * (exponent === 0 ? fraction * 2 ** (1 - bias) : (1 + fraction) * 2 ** (exponent - bias));
  }

  /** The nearest by search; the value after the largest stands for infinity. Ties go to the even pattern. */
  function nearest(value: number): number {
    const size = Math.abs(value);
    const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
    const magnitude = (bits: number) => (bits === infinity ? 2 ** (bias + 1) : valueOfBits(bits));
    if (size >= magnitude(infinity)) return sign | infinity;
    let [low, high] = [0, infinity]; // magnitude(low) <= size < magnitude(high)
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (magnitude(middle) <= size) low = middle;
      else high = middle;
    }
    const [below, above] = [size - magnitude(low), magnitude(high) - size];
    return sign | (below < above || (below === above && low % 2 === 0) ? low : high);
  }

  test('all 65,536 patterns widen to their value', () => {
    const wide = widen(everyPattern);
    const expected = Float32Array.from(everyPattern, valueOfBits);
    expect(wide.every((value, bits) => Object.is(value, expected[bits]))).toBe(true);
  });

  test('all 65,536 patterns come back, NaNs with their payload', () => {
    expect(round(widen(everyPattern))).toEqual(everyPattern);
  });

  test('rounds to the nearest, ties to even', () => {
    const float32 = fc.integer({ min: 0, max: 0xffffffff }).map((u) => new Float32Array(Uint32Array.of(u).buffer)[0]);
    // Exactly between two neighbours, and the float32 values just beside.
    const tie = fc
      .tuple(fc.nat(infinity - 1), fc.integer({ min: -1, max: 1 }), fc.boolean())
      .map(([bits, step, minus]) => {
        const middle =
          bits === infinity - 1
            ? 2 * valueOfBits(bits) - (valueOfBits(bits) + valueOfBits(bits - 1)) / 2
            : (valueOfBits(bits) + valueOfBits(bits + 1)) / 2;
        const wide = new Uint32Array(Float32Array.of(middle).buffer);
        wide[0] = Math.max(0, wide[0] + step);
        return new Float32Array(wide.buffer)[0] * (minus ? -1 : 1);
      });
    const property = fc.property(fc.oneof(float32, tie), (value) => {
      fc.pre(!Number.isNaN(value));
      expect(round(Float32Array.of(value))[0]).toBe(nearest(value));
    });
    fc.assert(property, { numRuns: 5000 });
  });

  test('the edges', () => {
    const largest = valueOfBits(infinity - 1);
    const tooLarge = 2 ** (bias + 1) - 2 ** (bias - mantissaBits - 1); // between the largest and what would follow it
    const smallest = valueOfBits(1);
    const found = round(Float32Array.of(largest, tooLarge, -tooLarge, Infinity, smallest, smallest / 2, -0));
    expect([...found]).toEqual([infinity - 1, infinity, 0x8000 | infinity, infinity, 1, 0, 0x8000]);
  });

  test('every NaN stays one, also when its payload is cut off', () => {
    const nans = fc.integer({ min: 0x7f800001, max: 0x7fffffff }).chain((u) => fc.constantFrom(u, u + 0x80000000));
    fc.assert(
      fc.property(nans, (u) => {
        const rounded = round(new Float32Array(Uint32Array.of(u).buffer));
        expect(valueOfBits(rounded[0])).toBeNaN();
        expect(rounded[0] >>> 15).toBe(u >>> 31);
      }),
    );
    expect(valueOfBits(round(new Float32Array(Uint32Array.of(0x7f800001).buffer))[0])).toBeNaN();
  });

  test('a view into a larger buffer is taken by itself', () => {
    const all = Float32Array.of(9, 1, 2, 9);
    expect([...widen(round(all.subarray(1, 3)))]).toEqual([1, 2]);
    expect([...widen(round(all).subarray(1, 3))]).toEqual([1, 2]);
  });
});
