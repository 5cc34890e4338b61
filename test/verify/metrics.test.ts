import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decibels, measure, nmse } from '../../src/verify/metrics.ts';

const finite = fc.float({ noNaN: true, noDefaultInfinity: true, min: Math.fround(-1e6), max: Math.fround(1e6) });
const anything = fc.oneof(
  finite,
  fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0, -0),
);
const pairs = (value: fc.Arbitrary<number>) => fc.array(fc.tuple(value, value), { minLength: 1, maxLength: 70 });
const split = (both: [number, number][]) => [both.map(([a]) => a), both.map(([, b]) => b)] as const;

/** The float32 after a positive one. */
function next(value: number): number {
  const bits = new Uint32Array(Float32Array.of(value).buffer);
  bits[0]++;
  return new Float32Array(bits.buffer)[0];
}

describe('by hand', () => {
  test('a small case', () => {
    const { nmse, maxAbsolute, rms, maxRelative, cosine, worst, elements } = measure([1, 2, 2], [1, 2, 4]);
    expect([nmse, maxAbsolute, elements]).toEqual([4 / 21, 2, 3]);
    expect(rms).toBeCloseTo(Math.sqrt(7), 12);
    expect(maxRelative).toBeCloseTo(2 / (4 + Math.sqrt(7)), 12);
    expect(cosine).toBeCloseTo(13 / 3 / Math.sqrt(21), 12);
    expect(worst).toEqual({ index: 2, actual: 2, reference: 4 });
    expect(decibels(0.01)).toBeCloseTo(20, 12);
  });

  test('the worst element is judged by its own size and the floor, not by its error alone', () => {
    expect(measure([100.1, 0.03], [100, 0]).worst.index).toBe(0); // 0.1 / 170.7 against 0.03 / 70.7
    expect(measure([100.1, 0.25], [100, 0]).worst.index).toBe(1); // 0.1 / 170.7 against 0.25 / 70.7
  });

  test('the same infinities agree; others, and NaNs, are infinitely far apart and counted', () => {
    const same = measure([Number.NEGATIVE_INFINITY, 1], [Number.NEGATIVE_INFINITY, 1]);
    expect([same.nmse, same.maxAbsolute, same.cosine]).toEqual([0, 0, 1]);
    const apart = measure([Number.NaN, 5, 1], [0, Number.POSITIVE_INFINITY, 1]);
    expect([apart.nmse, apart.maxAbsolute, apart.maxRelative]).toEqual(Array(3).fill(Number.POSITIVE_INFINITY));
    expect(apart.nonFinite).toEqual({ nan: 1, infinite: 0, referenceNan: 0, referenceInfinite: 1 });
    expect(apart.worst.index).toBe(0);
    expect(apart.histogram.infinite).toBe(2);
  });

  test('nothing of nothing: zeros', () => {
    expect(measure([0, 0], [0, -0])).toMatchObject({ nmse: 0, cosine: 1, maxRelative: 0 });
    expect(measure([0, 1], [0, 0])).toMatchObject({ nmse: Number.POSITIVE_INFINITY, cosine: 0 });
  });

  test('sizes must agree, and something must be there', () => {
    expect(() => measure([1], [1, 2])).toThrow('1 elements against 2');
    expect(() => nmse([], [])).toThrow('0 elements against 0');
  });

  test('percentiles of ulps', () => {
    const reference = Array.from({ length: 200 }, () => 1);
    const actual = reference.map((one, i) => one + i * 2 ** -23);
    expect(measure(actual, reference).ulp).toEqual({ p50: 100, p99: 198, max: 199 });
  });

  test('histogram buckets are half decades', () => {
    const { histogram } = measure([1 + 2e-3, 1, 1 + 0.5], [1, 1, 1]);
    expect(histogram.zeros).toBe(1);
    // 0.002 lies in [10⁻³, 10⁻²·⁵), 0.5 in [10⁻⁰·⁵, 1).
    expect([histogram.first, histogram.counts]).toEqual([-6, [1, 0, 0, 0, 0, 1]]);
  });
});

describe('properties', () => {
  test('neighbours are one ulp apart', () => {
    fc.assert(
      fc.property(fc.float({ noNaN: true, min: 0, max: Math.fround(1e38) }), (value) => {
        expect(measure([next(value)], [value]).ulp.max).toBe(1);
      }),
    );
  });

  test('no error exactly where all is equal', () => {
    fc.assert(
      fc.property(pairs(anything), (both) => {
        const [a, b] = split(both);
        const equal = both.every(([x, y]) => x === y);
        const { nmse, maxAbsolute, maxRelative, ulp } = measure(a, b);
        for (const found of [nmse, maxAbsolute, maxRelative, ulp.max]) expect(found === 0).toBe(equal);
        for (const found of [nmse, maxAbsolute, maxRelative, ulp.max]) expect(found).toBeGreaterThanOrEqual(0); // never NaN
      }),
    );
  });

  test('every element is counted once in the histogram; the cosine is one', () => {
    fc.assert(
      fc.property(pairs(anything), (both) => {
        const { histogram, cosine, elements } = measure(...split(both));
        expect(histogram.zeros + histogram.infinite + histogram.counts.reduce((a, b) => a + b, 0)).toBe(elements);
        expect(Math.abs(cosine)).toBeLessThanOrEqual(1);
      }),
    );
  });

  test('scaling both by a power of two changes no relative metric', () => {
    fc.assert(
      fc.property(
        pairs(finite.filter((v) => v === 0 || Math.abs(v) > 1e-30)),
        fc.integer({ min: -20, max: 20 }),
        (both, exponent) => {
          const [a, b] = split(both);
          const scaled = (values: readonly number[]) => values.map((value) => value * 2 ** exponent);
          const [plain, other] = [measure(a, b), measure(scaled(a), scaled(b))];
          expect(other.nmse).toBe(plain.nmse);
          expect(other.maxAbsolute).toBe(plain.maxAbsolute * 2 ** exponent);
          expect(other.worst.index).toBe(plain.worst.index);
        },
      ),
    );
  });

  test('one NaN in ours is never a small error', () => {
    fc.assert(
      fc.property(fc.array(finite, { minLength: 1, maxLength: 50 }), fc.nat(), (values, at) => {
        const broken = values.with(at % values.length, Number.NaN);
        expect(measure(broken, values).nmse).toBe(Number.POSITIVE_INFINITY);
        expect(measure(broken, values).worst.index).toBe(at % values.length);
      }),
    );
  });
});
