import fc from 'fast-check';
import { expect, test } from 'vitest';
import { select } from '../../src/verify/select.ts';
import { processorTime } from '../processor-time.ts';

const value = fc.oneof(fc.double({ noNaN: true, min: 0 }), fc.nat(4), fc.constant(Number.POSITIVE_INFINITY));

test('selects what sorting would put there, one rank after the other', () => {
  fc.assert(
    fc.property(fc.array(value, { minLength: 1, maxLength: 80 }), fc.nat(), fc.nat(), (list, a, b) => {
      const sorted = Float64Array.from(list).sort();
      const [low, high] = [a % list.length, b % list.length].sort((x, y) => x - y);
      const values = Float64Array.from(list);
      expect(select(values, low)).toBe(sorted[low]);
      expect(select(values, high, low)).toBe(sorted[high]);
      expect(values.sort()).toEqual(sorted);
    }),
  );
});

test('values whose every pivot is the smallest take no time beyond all measure', async () => {
  const length = 2 ** 18;
  const places = Uint32Array.from({ length }, (_, i) => i);
  const values = new Float64Array(length);
  for (let left = 0; left < length; left++) {
    const middle = (left + length - 1) >>> 1;
    [places[left], places[middle]] = [places[middle], places[left]];
    values[places[left]] = left;
  }
  const selected = () => expect(select(values, length - 2)).toBe(length - 2);
  expect(await processorTime(selected)).toBeLessThan(2000); // a tenth is needed, and a minute without the way out
});
