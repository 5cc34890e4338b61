import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { TextError } from '../../src/error.ts';
import {
  formatGrounding,
  type Point,
  parseGrounding,
  type Region,
  type Shape,
} from '../../src/input/boxes/grounding.ts';
import { hostileTexts, visitedCharacters } from './visited.ts';

const coordinate = fc.nat(999);
const point: fc.Arbitrary<Point> = fc.tuple(coordinate, coordinate);
const box: fc.Arbitrary<Shape> = fc.tuple(point, point).map(
  ([[a, b], [c, d]]): Shape => [
    [Math.min(a, c), Math.min(b, d)],
    [Math.max(a, c), Math.max(b, d)],
  ],
);
const shape = fc.oneof(box, fc.tuple(point, point, point, point));
const name = fc
  .string({ unit: 'binary', maxLength: 12 })
  .map((text) => text.trim())
  .filter((text) => !/<\/?(ref|box|quad|img)>|<imgpad>/.test(text));
const region = fc.record({ ref: name, shapes: fc.array(shape, { minLength: 1, maxLength: 3 }) });
const nameless = fc.record({ ref: fc.constant(null), shapes: fc.array(shape, { minLength: 1, maxLength: 3 }) });
/** Nameless shapes after a region would be read as its own, so only the first region may have no name. */
const regions: fc.Arbitrary<Region[]> = fc
  .tuple(fc.option(nameless), fc.array(region, { maxLength: 4 }))
  .map(([first, rest]): Region[] => (first ? [first, ...rest] : rest));

describe('what is written can be read', () => {
  test('regions come back from their text', () => {
    fc.assert(
      fc.property(regions, (list) => {
        const { regions, problems } = parseGrounding(formatGrounding(list));
        expect(regions).toEqual(list);
        expect(problems).toHaveLength(list[0]?.ref === null ? 1 : 0);
      }),
      { numRuns: 300 },
    );
  });

  test('an answer is read between its words', () => {
    const text =
      'An <ref> orange star</ref><box>(1,2),(30,40)</box> and <ref>two</ref> <box>( 5 , 6 ),(7,8)</box>,\n'.concat(
        '<box>（9，10）（11，12）</box><quad>(0,0),(9,0),(9,9),(0,999)</quad>.',
      );
    const first: Region = {
      ref: 'orange star',
      shapes: [
        [
          [1, 2],
          [30, 40],
        ],
      ],
    };
    const { regions, problems } = parseGrounding(text);
    expect(problems).toEqual([]);
    expect(regions[0]).toEqual(first);
    expect(regions[1].ref).toBe('two');
    expect(regions[1].shapes.flat(2)).toEqual([5, 6, 7, 8, 9, 10, 11, 12, 0, 0, 9, 0, 9, 9, 0, 999]);
    expect(formatGrounding([first])).toBe('<ref>orange star</ref><box>(1,2),(30,40)</box>');
  });

  test('what the model could not have written is refused', () => {
    for (const wrong of [-1, 1000, 1.5, Number.NaN]) {
      const list: Region[] = [
        {
          ref: 'a',
          shapes: [
            [
              [0, 0],
              [9, wrong],
            ],
          ],
        },
      ];
      expect(() => formatGrounding(list)).toThrow(TextError);
    }
    expect(() => formatGrounding([{ ref: 'a</ref>', shapes: [] }])).toThrow('</ref> in the name of a region');
  });
});

describe('what models get wrong', () => {
  test.each([
    ['<ref>a<box>(1,2),(3,4)</box>', 'a', [1, 2, 3, 4], '<ref> without </ref>'],
    ['<ref>a</ref><box>(1,2),(3,4) and 5 cats', 'a', [1, 2, 3, 4], '<box> without </box>'],
    ['<ref>a</ref><box>(1,2),(3,4)<box>(1,2),(3,4)</box>', 'a', [1, 2, 3, 4, 1, 2, 3, 4], '<box> without </box>'],
    ['<ref>a</ref><box>(3,4),(1,2)</box>', 'a', [1, 2, 3, 4], 'swapped'],
    ['<ref>a</ref><box>(1,4),(3,2)</box>', 'a', [1, 2, 3, 4], 'swapped'],
    ['<ref>a</ref><box>(-5,2),(3,1000)</box>', 'a', [0, 2, 3, 999], 'not integers 0 … 999'],
    ['<ref>a</ref><box>(1.9,2),(3,4)</box>', 'a', [1, 2, 3, 4], 'not integers 0 … 999'],
    [`<ref>a</ref><box>(1,2),(3,${'9'.repeat(1000)})</box>`, 'a', [1, 2, 3, 999], 'not integers 0 … 999'],
    ['<box>(1,2),(3,4)</box>', null, [1, 2, 3, 4], '<box> without a <ref>'],
    ['<ref>a</ref></ref><box>(1,2),(3,4)</box>', 'a', [1, 2, 3, 4], '</ref> without a <ref>'],
    ['<ref>a</ref><box>(1,2),(3</box>', 'a', [], '3 numbers, expected 4; left out'],
    ['<ref>a</ref><box>(1,2),(3,4),(5,6)</box>', 'a', [], '6 numbers, expected 4; left out'],
    ['<ref>a</ref><quad>(1,2),(3,4)</quad>', 'a', [], '4 numbers, expected 8; left out'],
    ['<ref>a\nand more', 'a', [], '<ref> without </ref>'],
    ['<ref>a</ref><quad>(1,2),(3,4),(5,6),(7,8) and', 'a', [1, 2, 3, 4, 5, 6, 7, 8], '<quad> without </quad>'],
    ['<ref>a</ref><quad>(1,2),(3,4),(5,-6),(7,8000)</quad>', 'a', [1, 2, 3, 4, 5, 0, 7, 999], 'not integers 0 … 999'],
    ['<ref>a</ref><box>(1,2),(3,4) cat</box>', 'a', [1, 2, 3, 4], 'words among the numbers; left out'],
    ['<ref>a <img></ref><box>(1,2),(3,4)</box>', 'a', [1, 2, 3, 4], 'image tags in the name; left out'],
    ['<ref>a</ref><box></box>', 'a', [], '0 numbers, expected 4; left out'],
    ['<ref>a</ref><box>(1,2),(3,.5)</box>', 'a', [], '".5" for a number; left out'],
    ['<ref>a</ref><box>(1,2),(3,5.)</box>', 'a', [], '"5." for a number; left out'],
    ['<ref>a</ref><box>(1,2),(3,1e2)</box>', 'a', [], '"1e2" for a number; left out'],
    ['<ref>a</ref><box>(1-2),(3,4),5</box>', 'a', [], '"1-2" for a number; left out'],
    ['<ref>a</ref><box>(10px,2),(3,4)</box>', 'a', [], '"10px" for a number; left out'],
    ['<ref>a</ref><box>(1,2),(3,４)</box>', 'a', [], '"４" for a number; left out'],
  ])('%s', (text, ref, coordinates, message) => {
    const { regions, problems } = parseGrounding(text);
    expect(regions.map((region) => region.ref)).toEqual([ref]);
    expect(regions[0].shapes.flat(2)).toEqual(coordinates);
    expect(problems.map((problem) => problem.message).join('; ')).toContain(message);
    expect(problems).toHaveLength(1);
  });

  test('an answer may end anywhere: what is cut is no shape, and is reported', () => {
    const whole = '<ref>a</ref><box>(620,339),(915,629)</box> and <ref>b c</ref><quad>(1,2),(3,4),(5,6),(77,88)</quad>';
    const shapes = parseGrounding(whole).regions.flatMap((region) => region.shapes);
    for (let length = 0; length < whole.length; length++) {
      const text = whole.slice(0, length);
      const { regions, problems } = parseGrounding(text);
      const found = regions.flatMap((region) => region.shapes);
      expect(found, text).toEqual(shapes.slice(0, found.length));
      // Until its last parenthesis, a shape is none.
      const closed = ['629)', '88)'].filter((end) => text.includes(end)).length;
      expect(found.length, text).toBe(closed);
      for (const { ref } of regions)
        expect(
          ['a', 'b c'].some((name) => name.startsWith(ref!)),
          text,
        ).toBe(true);
      const open =
        (text.match(/<(?:ref|box|quad)>/g) ?? []).length - (text.match(/<\/(?:ref|box|quad)>/g) ?? []).length;
      expect(problems.length > 0, text).toBe(open > 0);
    }
  });

  test('a shape after other words belongs to nobody', () => {
    const { regions, problems } = parseGrounding('<ref>a</ref> is near <box>(1,2),(3,4)</box>');
    expect(regions.map(({ ref, shapes }) => [ref, shapes.length])).toEqual([
      ['a', 0],
      [null, 1],
    ]);
    expect(problems).toEqual([{ at: 21, message: '<box> without a <ref> before it' }]);
  });

  test('any text is read without a throw, into regions that can be written', () => {
    const tag = fc.constantFrom(
      '<ref>',
      '</ref>',
      '<box>',
      '</box>',
      '<quad>',
      '</quad>',
      '(1,2)',
      '(3,-4),',
      '<img>',
      '<imgpad>',
      'a',
      '\n',
    );
    fc.assert(
      fc.property(fc.array(fc.oneof(tag, fc.string({ maxLength: 5 })), { maxLength: 30 }), (parts) => {
        const text = parts.join('');
        const { regions, problems } = parseGrounding(text);
        for (const { at } of problems) expect(at).toBeLessThan(text.length);
        const again = parseGrounding(formatGrounding(regions)).regions;
        expect(again.flatMap(({ shapes }) => shapes)).toEqual(regions.flatMap(({ shapes }) => shapes));
        const names = (list: Region[]) => list.map(({ ref }) => ref).filter((ref) => ref !== null);
        expect(names(again)).toEqual(names(regions));
        // Nothing is lost in silence: every tag is part of a name, of a shape, or was reported.
        const found = regions.length - regions.filter(({ ref }) => ref === null).length;
        const tags = text.match(/<(?:ref|box|quad)>/g) ?? [];
        expect(found + regions.flatMap(({ shapes }) => shapes).length + problems.length).toBeGreaterThanOrEqual(
          tags.length,
        );
      }),
      { numRuns: 500 },
    );
  });

  test('several boxes and quads belong to one name, in their order', () => {
    const text = '<ref>a</ref><box>(1,2),(3,4)</box><quad>(0,0),(1,0),(1,1),(0,1)</quad>, <box>(5,6),(7,8)</box>';
    const { regions, problems } = parseGrounding(text);
    expect(problems).toEqual([]);
    expect(regions).toHaveLength(1);
    expect(regions[0].shapes.map((shape) => shape.flat())).toEqual([
      [1, 2, 3, 4],
      [0, 0, 1, 0, 1, 1, 0, 1],
      [5, 6, 7, 8],
    ]);
  });

  test('one bad shape among good ones is reported and costs no other', () => {
    const good = '<box>(1,2),(3,4)</box>';
    for (const bad of ['<box>(1,2),(3</box>', '<quad>(1,2),(3,4)</quad>', '<box>', '</box>', '</ref>']) {
      const { regions, problems } = parseGrounding(`<ref>a</ref>${good}${bad}${good}`);
      expect(regions, bad).toEqual([{ ref: 'a', shapes: [regions[0].shapes[0], regions[0].shapes[0]] }]);
      expect(problems.length, bad).toBeGreaterThan(0);
    }
  });

  test('hostile texts are gone through a bounded number of times', () => {
    for (const text of hostileTexts) {
      const visited = visitedCharacters(() => void parseGrounding(text));
      expect(visited / text.length, text.slice(0, 20)).toBeGreaterThan(0.9);
      expect(visited / text.length, text.slice(0, 20)).toBeLessThan(12);
    }
  });
});
