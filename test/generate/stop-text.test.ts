import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { createStopText } from '../../src/generate/stop-text.ts';

test('text ends before the stop that is complete first, however it is cut', () => {
  // Few letters, so that stops begin often and overlap.
  const word = fc.string({ unit: fc.constantFrom('a', 'b', '。'), maxLength: 5 });
  fc.assert(
    fc.property(fc.array(word, { maxLength: 12 }), fc.array(word, { maxLength: 3 }), (pieces, stops) => {
      const whole = pieces.join('');
      const ends = stops
        .filter((stop) => stop !== '')
        .flatMap((stop) => {
          const start = whole.indexOf(stop);
          return start < 0 ? [] : [[start + stop.length, start]];
        });
      const first = ends.sort(([end, start], [otherEnd, otherStart]) => end - otherEnd || start - otherStart).at(0);
      const until = createStopText(stops);
      const shown = pieces.map((piece) => until.push(piece)).join('') + until.end();
      expect(shown).toBe(first ? whole.slice(0, first[1]) : whole);
      expect(until.stopped).toBe(first !== undefined);
    }),
    { numRuns: 2000 },
  );
});

test('what cannot begin a stop is shown at once', () => {
  const until = createStopText(['END', '<|']);
  expect(['a', 'E', 'x', ' EN', 'D b'].map((piece) => until.push(piece))).toEqual(['a', '', 'Ex', ' ', '']);
});
