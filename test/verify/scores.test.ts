import fc from 'fast-check';
import { expect, test } from 'vitest';
import { measureScores } from '../../src/verify/scores.ts';

test('by hand: one of two rows chooses another token', () => {
  const reference = [0, 1, 3, 2, 9, 8, 7, 6];
  const ours = [0, 1, 2, 3, 9, 8, 7, 6];
  const { rows, flipCount, flips, smallestMargin, topOverlap, maxDivergence } = measureScores(ours, reference, 4);
  expect([rows, flipCount, smallestMargin, topOverlap]).toEqual([2, 1, 1, 1]);
  expect(flips).toEqual([{ row: 0, expected: 2, found: 3, margin: 1 }]);
  const [p, q] = [reference, ours].map((scores) => {
    const exp = scores.slice(0, 4).map(Math.exp);
    return exp.map((each) => each / exp.reduce((a, b) => a + b, 0));
  });
  expect(maxDivergence).toBeCloseTo(
    p.reduce((sum, each, i) => sum + each * Math.log(each / q[i]), 0),
    12,
  );
});

test('the overlap of the highest five', () => {
  const reference = Array.from({ length: 10 }, (_, i) => -i);
  const ours = reference.map((score, i) => (i < 2 ? -20 - i : score));
  expect(measureScores(ours, reference, 10).topOverlap).toBe(3 / 5);
});

const row = fc.array(fc.double({ min: -50, max: 50, noNaN: true }), { minLength: 7, maxLength: 7 });

test('equal scores: no divergence, full overlap, no flips; a constant added changes nothing to speak of', () => {
  fc.assert(
    fc.property(row, fc.double({ min: -5, max: 5, noNaN: true }), (scores, shift) => {
      expect(measureScores(scores, scores, 7)).toMatchObject({ maxDivergence: 0, topOverlap: 1, flipCount: 0 });
      const shifted = scores.map((score) => score + shift);
      expect(measureScores(shifted, scores, 7).maxDivergence).toBeLessThan(1e-12);
    }),
  );
});

test('the divergence is never negative, a flip never has a negative margin, NaN is infinitely far', () => {
  fc.assert(
    fc.property(row, row, (ours, reference) => {
      const { maxDivergence, flips } = measureScores(ours, reference, 7);
      expect(maxDivergence).toBeGreaterThanOrEqual(0);
      for (const { margin, expected, found } of flips) expect([margin >= 0, expected !== found]).toEqual([true, true]);
      expect(measureScores(ours.with(3, Number.NaN), reference, 7).maxDivergence).toBe(Number.POSITIVE_INFINITY);
    }),
  );
});
