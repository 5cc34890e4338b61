import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  boxCorners,
  colourOf,
  type Outline,
  outlinesOf,
  palette,
  placeTags,
  type Tag,
} from '../../src/input/boxes/annotation.ts';
import { drawOutlines, drawRegions } from '../../src/input/boxes/draw.ts';
import { loadFont } from '../../src/input/boxes/font.ts';
import { parseGrounding, type Region } from '../../src/input/boxes/grounding.ts';

const font = await loadFont();

const box = (x1: number, y1: number, x2: number, y2: number, label: string): Outline => ({
  corners: boxCorners(x1, y1, x2, y2),
  colour: 0,
  label,
});

test('a phrase keeps its colour wherever it occurs, others get the next, nameless regions their own', () => {
  const { regions } = parseGrounding(
    '<ref>狗</ref><box>(0,0),(100,100)</box><box>(5,5),(9,9)</box> and <box>(1,1),(2,2)</box> <ref>cat</ref><box>(1,1),(500,600)</box>' +
      ' or <box>(3,3),(4,4)</box> <ref>狗</ref><quad>(1,2),(3,4),(5,6),(7,8)</quad>',
  );
  const outlines = outlinesOf(regions, { width: 2000, height: 1000 });
  expect(outlines.map(({ colour, label }) => [label, colour])).toEqual([
    ['狗', 0],
    ['狗', 0],
    [null, 1],
    ['cat', 2],
    [null, 3],
    ['狗', 0],
  ]);
  expect(outlines[3].corners).toEqual(boxCorners(2, 1, 1000, 600));
  expect(outlines[5].corners).toEqual([[2, 2], [6, 4], [10, 6], [14, 8]]); // biome-ignore format: one quadrilateral
});

describe('tags', () => {
  const size = { width: 640, height: 480 };

  test('stand on their box, under it where there is no room above, inside where there is none at all', () => {
    const [above] = placeTags(size, [box(100, 200, 300, 400, 'dog')], font);
    expect([above.x, above.y + above.height]).toEqual([98, 198]);
    const [below] = placeTags(size, [box(100, 5, 300, 100, 'dog')], font);
    expect([below.x, below.y]).toEqual([98, 103]);
    const [inside] = placeTags(size, [box(0, 0, 640, 480, 'dog')], font);
    expect([inside.x, inside.y]).toEqual([0, 0]);
    const [pushed] = placeTags(size, [box(600, 200, 639, 400, 'a long name for a thing')], font);
    expect(pushed.x + pushed.width).toBe(640);
  });

  test('give way to each other', () => {
    const tags = placeTags(
      size,
      Array.from({ length: 4 }, (_, i) => box(200, 200, 400, 300, `name ${i}`)),
      font,
    );
    for (const [i, a] of tags.entries()) for (const b of tags.slice(i + 1)) expect(overlap(a, b)).toBe(0);
  });

  test('say nothing about what has no name, or lies off the picture, or in pictures too small for letters', () => {
    const absurd: Outline = { corners: [[Number.NaN, 3]], colour: 0 };
    expect(placeTags(size, [absurd, { corners: [], colour: 1 }, box(9, 99, 99, 199, 'a')], font)).toHaveLength(1);
    const unnamed: Outline = { corners: boxCorners(1, 1, 50, 50), colour: 0 };
    const off = [box(700, 0, 800, 100, 'a'), box(-90, -90, -50, -50, 'b'), box(Number.NaN, 0, 9, 9, 'c')];
    expect(
      placeTags(size, [unnamed, { ...unnamed, label: null }, { ...unnamed, label: ' \u200b' }, ...off], font),
    ).toEqual([]);
    expect(placeTags({ width: 900, height: 20 }, [box(0, 0, 20, 20, 'a')], font)).toEqual([]);
    expect(placeTags({ width: 12, height: 900 }, [box(0, 0, 12, 20, 'a name')], font)).toEqual([]);
  });

  test('lie inside the picture with their letters, whatever they say and wherever their shapes are', () => {
    const coordinate = fc.oneof(
      fc.integer({ min: -300, max: 900 }),
      fc.double(),
      fc.constantFrom(1e308, -1e308, Number.NaN),
    );
    const outline = fc.record({
      corners: fc.array(fc.tuple(coordinate, coordinate), { maxLength: 5 }),
      colour: fc.integer(),
      label: fc.oneof(fc.string({ unit: 'binary' }), fc.string({ unit: fc.constantFrom('红', 'W', '😀', 'g') })),
    });
    const side = fc.integer({ min: 1, max: 700 });
    fc.assert(
      fc.property(side, side, fc.array(outline, { maxLength: 4 }), (width, height, outlines) => {
        for (const tag of placeTags({ width, height }, outlines, font)) {
          expect(tag.x >= 0 && tag.y >= 0 && tag.x + tag.width <= width && tag.y + tag.height <= height).toBe(true);
          expect([tag.x, tag.y, tag.width, tag.height].every(Number.isInteger)).toBe(true);
          for (const { x, y } of tag.contours.flat()) {
            expect(x >= tag.x && x <= tag.x + tag.width && y >= tag.y && y <= tag.y + tag.height).toBe(true);
          }
        }
      }),
      { numRuns: 150 },
    );
  });

  test('write in black or white, whichever differs more from the colour', () => {
    const luminance = (colour: readonly number[]) => {
      const [red, green, blue] = colour.map((byte) => (byte / 255) ** 2.2);
      return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
    };
    for (const [number, rgb] of palette.entries()) {
      const { colour, contrast } = colourOf(number);
      expect(colour).toEqual(rgb);
      // 3 : 1 is what WCAG 2.1 asks of large letters and of shapes.
      const [darker, lighter] = [luminance(colour), luminance(contrast)].sort((a, b) => a - b);
      expect((lighter + 0.05) / (darker + 0.05), String(colour)).toBeGreaterThan(3);
    }
  });

  test.each(['a dog', '红色的正方形', '😀'])('are drawn: "%s" in two colours on any background', async (label) => {
    const regions: Region[] = [{ ref: label, shapes: [[[300, 300], [700, 700]]] }]; // biome-ignore format: one box
    const { colour, contrast } = colourOf(0);
    for (const background of [[0, 0, 0], [255, 255, 255], colour]) {
      const picture = {
        width: 300,
        height: 200,
        data: Uint8Array.from({ length: 180_000 }, (_, i) => background[i % 3]),
      };
      const [tag] = placeTags(picture, outlinesOf(regions, picture), font);
      const drawn = await drawRegions(picture, regions);
      let [filled, inked] = [0, 0];
      for (let y = tag.y; y < tag.y + tag.height; y++) {
        for (let x = tag.x; x < tag.x + tag.width; x++) {
          const pixel = drawn.data.subarray((y * 300 + x) * 3, (y * 300 + x) * 3 + 3);
          const distance = (rgb: readonly number[]) => Math.hypot(...rgb.map((byte, i) => byte - pixel[i]));
          if (distance(colour) === 0) filled += 1;
          if (distance(contrast) < distance(colour)) inked += 1;
        }
      }
      const area = tag.width * tag.height;
      expect(filled / area).toBeGreaterThan(0.4);
      expect(inked / area).toBeGreaterThan(0.05);
    }
  });

  test('are left out without a font', () => {
    const picture = { width: 100, height: 100, data: new Uint8Array(30_000) };
    const [named, nameless] = ['name', ''].map((label) => [box(20, 50, 80, 90, label)]);
    expect(drawOutlines(picture, named)).toEqual(drawOutlines(picture, nameless, font));
    expect(drawOutlines(picture, named, font)).not.toEqual(drawOutlines(picture, named));
  });
});

function overlap(a: Tag, b: Tag): number {
  const across = Math.min(a.x + a.width, b.x + b.width) - Math.max(a.x, b.x);
  const down = Math.min(a.y + a.height, b.y + b.height) - Math.max(a.y, b.y);
  return Math.max(0, across) * Math.max(0, down);
}
