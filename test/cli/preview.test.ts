import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { canPreview, previewPicture } from '../../src/cli/preview.ts';
import type { Picture } from '../../src/input/picture/picture.ts';

type Cell = { upper: string; lower: string };

/** What a terminal would show: the colours of each character's halves, `''` for its own background. */
function shown(text: string): Cell[][] {
  expect(text.endsWith('\x1b[0m\n')).toBe(true);
  return text.slice(0, -1).split('\n').map(shownLine);
}

function shownLine(line: string): Cell[] {
  const cells: Cell[] = [];
  let [upper, lower] = ['', ''];
  for (const [sequence] of line.matchAll(/[^▀m]+m|▀/gu)) {
    if (sequence === '▀') cells.push({ upper, lower });
    if (sequence === '▀') continue;
    expect(sequence.startsWith('\x1b[')).toBe(true);
    const codes = sequence.slice(2, -1).split(';');
    while (codes.length > 0) {
      const code = codes.shift();
      if (code === '0') [upper, lower] = ['', ''];
      else if (code === '49') lower = '';
      else {
        expect(codes.shift()).toBe('2');
        const colour = codes.splice(0, 3).join(';');
        if (code === '38') upper = colour;
        else if (code === '48') lower = colour;
        else expect.fail(`code ${code}`);
      }
    }
  }
  expect([upper, lower]).toEqual(['', '']);
  return cells;
}

const pictureOf = (longest: number): fc.Arbitrary<Picture> =>
  fc
    .tuple(fc.integer({ min: 1, max: longest }), fc.integer({ min: 1, max: longest }), fc.infiniteStream(fc.nat(255)))
    .map(([width, height, bytes]) => ({ width, height, data: Uint8Array.from([...bytes.take(width * height * 3)]) }));

test('a picture that fits is shown pixel by pixel', () => {
  fc.assert(
    fc.property(pictureOf(9), fc.integer({ min: 9, max: 100 }), (picture, columns) => {
      const rows = shown(previewPicture(picture, columns));
      expect(rows).toHaveLength(Math.ceil(picture.height / 2));
      const pixel = (x: number, y: number) =>
        y < picture.height
          ? picture.data
              .slice((y * picture.width + x) * 3)
              .slice(0, 3)
              .join(';')
          : '';
      for (const [row, cells] of rows.entries()) {
        expect(cells).toHaveLength(picture.width);
        for (const [x, cell] of cells.entries()) {
          expect(cell).toEqual({ upper: pixel(x, 2 * row), lower: pixel(x, 2 * row + 1) });
        }
      }
    }),
  );
});

test('a larger one is averaged down: its mean and its aspect stay, and one colour stays that colour', () => {
  fc.assert(
    fc.property(pictureOf(40), fc.integer({ min: 1, max: 20 }), (picture, columns) => {
      const rows = shown(previewPicture(picture, columns));
      const width = rows[0].length;
      const colours = rows.flat().flatMap(({ upper, lower }) => [upper, lower].filter((colour) => colour !== ''));
      const height = colours.length / width;
      expect(Math.max(width, height)).toBe(Math.min(columns, Math.max(picture.width, picture.height)));
      const scale = Math.max(width, height) / Math.max(picture.width, picture.height);
      expect(Math.abs(width - Math.max(1, picture.width * scale))).toBeLessThanOrEqual(0.5);
      expect(Math.abs(height - Math.max(1, picture.height * scale))).toBeLessThanOrEqual(0.5);
      const mean = (values: ArrayLike<number>) => Array.from(values).reduce((a, b) => a + b, 0) / values.length;
      expect(mean(colours.flatMap((colour) => colour.split(';').map(Number)))).toBeCloseTo(mean(picture.data), -0.3);
      const plain = { ...picture, data: picture.data.map((_, i) => 10 * (i % 3) + 7) };
      const flat = previewPicture(plain, columns);
      expect(
        shown(flat)
          .flat()
          .every(({ upper }) => upper === '7;17;27'),
      ).toBe(true);
      expect(flat.split('\n')[0].match(/38;2/g)).toHaveLength(1); // a colour is said once
    }),
  );
});

test('a checkerboard finer than a character is grey, and the most extreme shapes stay small', () => {
  const board = {
    width: 64,
    height: 64,
    data: new Uint8Array(64 * 64 * 3).map((_, i) => ((Math.floor(i / 3) + Math.floor(i / 192)) % 2) * 255),
  };
  expect(
    shown(previewPicture(board, 32))
      .flat()
      .every(({ upper, lower }) => upper === '128;128;128' && lower === upper),
  ).toBe(true);
  for (const [width, height] of [
    [1, 200_000],
    [200_000, 1],
  ]) {
    // biome-ignore format: two shapes
    const text = previewPicture({ width, height, data: new Uint8Array(600_000) }, 80);
    expect(text.length).toBeLessThan(2000);
  }
});

describe('a terminal can', () => {
  test.each([
    [{ isTTY: true }, { COLORTERM: 'truecolor' }, true],
    [{ isTTY: true }, { COLORTERM: '24bit', NO_COLOR: '' }, true],
    [{ isTTY: true }, { COLORTERM: 'truecolor', NO_COLOR: '1' }, false],
    [{ isTTY: true }, { COLORTERM: 'yes' }, false],
    [{ isTTY: true }, {}, false],
    [{ isTTY: false }, { COLORTERM: 'truecolor' }, false],
    [{}, { COLORTERM: 'truecolor' }, false],
  ])('%j %j: %s', (stream, environment, expected) => {
    expect(canPreview(stream, environment)).toBe(expected);
  });
});
