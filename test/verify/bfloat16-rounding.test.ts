import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { nearestBfloat16 } from '../../src/verify/bfloat16/bfloat16-rules.ts';

describe('rounding', () => {
  /** By definition, in exact integers: of the two neighbours the nearer, of equally near ones the even. */
  function reference(value: number): number {
    const wide = new Uint32Array(Float32Array.of(value).buffer)[0];
    const magnitude = BigInt(wide & 0x7fffffff);
    const [below, rest] = [magnitude >> 16n, magnitude & 0xffffn];
    const up = rest > 0x8000n || (rest === 0x8000n && (below & 1n) === 1n);
    const bits = ((below + (up ? 1n : 0n)) << 16n) | (value < 0 || Object.is(value, -0) ? 0x80000000n : 0n);
    return new Float32Array(Uint32Array.of(Number(bits)).buffer)[0];
  }
  const bits = fc.integer({ min: 0, max: 0xffffffff });
  /** Denormals, ties and what lies beside them more often than by chance. */
  const special = fc
    .tuple(
      fc.constantFrom(0x0000, 0x0001, 0x007f, 0x0080, 0x3f80, 0x3f81, 0x7f7f),
      fc.constantFrom(0, 1, 0x7fff, 0x8000, 0x8001, 0xffff),
      fc.boolean(),
    )
    .map(([high, low, minus]) => high * 65536 + low + (minus ? 0x80000000 : 0));
  const float32 = fc.oneof(bits, special).map((u) => new Float32Array(Uint32Array.of(u).buffer)[0]);
  const one = (value: number) => nearestBfloat16(Float32Array.of(value))[0];

  test('is to the nearest, ties to even, and rounds no further the second time', () => {
    fc.assert(
      fc.property(float32, (value) => {
        const found = one(value);
        expect(found).toBe(Number.isNaN(value) ? Number.NaN : reference(value));
        expect(one(found)).toBe(found);
        expect(one(-value)).toBe(-found);
      }),
      { numRuns: 3000 },
    );
  });

  test('keeps order', () => {
    fc.assert(
      fc.property(float32, float32, (a, b) => {
        fc.pre(a <= b);
        expect(one(a)).toBeLessThanOrEqual(one(b));
      }),
    );
  });
});
