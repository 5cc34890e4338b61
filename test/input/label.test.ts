import { readFileSync } from 'node:fs';
import { deflateSync, inflateSync } from 'node:zlib';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Contour, loadFont, parseFont } from '../../src/input/boxes/font.ts';
import { moved, printable, writeLine } from '../../src/input/boxes/label.ts';
import { fillContours } from '../../src/input/boxes/raster.ts';
import type { Picture } from '../../src/input/picture/picture.ts';
import { processorTime } from '../processor-time.ts';

const font = await loadFont();

function blank(width: number, height: number): Picture {
  return { width, height, data: new Uint8Array(width * height * 3) };
}

/** The coverage of each pixel, 0 … 255. */
const coverage = ({ data }: Picture) => data.filter((_, i) => i % 3 === 0);

describe('the font', () => {
  const gb2312 = new TextDecoder('gb18030');
  const hanzi = Array.from({ length: 72 * 94 }, (_, i) =>
    gb2312.decode(Uint8Array.of(0xb0 + Math.floor(i / 94), 0xa1 + (i % 94))),
  ).filter((text) => text.length === 1 && !/\p{Co}/u.test(text));

  test('has all of GB 2312 and of Latin, closed contours that start on the curve, within their bounds', () => {
    expect(hanzi).toHaveLength(6763);
    const latin = Array.from({ length: 0x17f - 0x20 }, (_, i) => String.fromCharCode(0x20 + i)).filter((character) =>
      /[\p{L}\p{N}\p{P}\p{S}]/u.test(character),
    );
    const missing = latin.filter((character) => !font.glyph(character.charCodeAt(0)));
    expect(missing.filter((character) => character < '\u0100').join('')).toBe('');
    const sound = (contour: Contour) =>
      contour[0].on &&
      contour.every(({ on }, i) => on || contour[(i + 1) % contour.length].on) &&
      contour.every(({ x, y }) => x >= -0.1 && x <= 1.1 && y >= -1 && y <= 0.3);
    const unsound = [...hanzi, ...'，。！？、；：“”（）《》·…—ａＺ０あア繁體駅'].filter((character) => {
      const glyph = font.glyph(character.codePointAt(0)!);
      return !glyph || glyph.contours.length === 0 || !glyph.contours.every(sound);
    });
    expect(unsound).toEqual([]);
  });

  test('draws each of them differently', () => {
    const drawn = new Map<string, string>();
    for (const character of [
      ...hanzi.slice(0, 1000),
      ...'abcdefghijklmnopqrstuvwxyzABCDEFGHJKLMNOPQRSTUVWXYZ0123456789',
    ]) {
      const picture = blank(24, 28);
      const { contours } = font.glyph(character.codePointAt(0)!)!;
      fillContours(picture, moved(contours, 24, 0, 22), [255, 255, 255]);
      drawn.set(Buffer.from(coverage(picture)).toString('latin1'), character);
    }
    expect(drawn.size).toBe(1000 + 61);
  });

  test('draws as wide, as high and as dark as the source: "一" is a bar, "口" a ring, "I" a column', () => {
    const inkOf = (character: string) => {
      const picture = blank(100, 120);
      fillContours(picture, moved(font.glyph(character.codePointAt(0)!)!.contours, 100, 0, 90), [255, 255, 255]);
      return { at: (x: number, y: number) => picture.data[(y * 100 + x) * 3], values: coverage(picture) };
    };
    const ring = inkOf('口');
    expect(ring.at(50, 50)).toBe(0);
    expect(Math.max(...[12, 13, 14, 15, 16, 17, 18].map((x) => ring.at(x, 50)))).toBe(255);
    const bar = inkOf('一');
    const dark = bar.values.filter((value) => value === 255).length;
    expect(dark).toBeGreaterThan(88 * 8);
    expect(dark).toBeLessThan(95 * 14);
    expect(font.glyph(0x4e00)!.advance).toBe(1);
    expect(font.glyph(0x20)!.contours).toEqual([]);
  });

  test('refuses a file that is cut', async () => {
    const bytes = new Uint8Array(readFileSync(new URL('../../src/input/boxes/label-font/glyphs.bin', import.meta.url)));
    await expect(parseFont(bytes.slice(0, 1000))).rejects.toThrow();
    const cut = new Uint8Array(deflateSync(inflateSync(bytes).subarray(0, 100_000)));
    await expect(parseFont(cut)).rejects.toThrow('cut');
  });
});

describe('filling', () => {
  const coordinate = fc.double({ min: -20, max: 40, noNaN: true });

  test('covers the area of a rectangle, however it lies on the pixels, and as much the other way round', () => {
    fc.assert(
      fc.property(coordinate, coordinate, coordinate, coordinate, (x1, y1, x2, y2) => {
        const contour = [[x1, y1], [x2, y1], [x2, y2], [x1, y2]].map(([x, y]) => ({ x, y, on: true })); // biome-ignore format: one rectangle
        const [picture, turned] = [blank(17, 11), blank(17, 11)];
        fillContours(picture, [contour], [255, 255, 255]);
        fillContours(turned, [[...contour].reverse()], [255, 255, 255]);
        expect(turned).toEqual(picture);
        const inside = (a: number, b: number, at: number) =>
          Math.max(0, Math.min(Math.max(a, b), at + 1) - Math.max(Math.min(a, b), at));
        for (let y = 0; y < 11; y++) {
          for (let x = 0; x < 17; x++) {
            const expected = 255 * inside(x1, x2, x) * inside(y1, y2, y);
            expect(Math.abs(picture.data[(y * 17 + x) * 3] - expected)).toBeLessThan(1);
          }
        }
      }),
    );
  });

  test('covers the area of a slanted quadrilateral and of a circle of curves', () => {
    const area = (contours: Contour[]) => {
      const picture = blank(64, 64);
      fillContours(picture, contours, [255, 255, 255]);
      return coverage(picture).reduce((sum, value) => sum + value, 0) / 255;
    };
    const slanted = [[10.3, 5.2], [50.7, 12.9], [44.1, 58.8], [4.6, 40.4]].map(([x, y]) => ({ x, y, on: true })); // biome-ignore format: one shape
    const shoelace = slanted.reduce((sum, { x, y }, i) => {
      const next = slanted[(i + 1) % 4];
      return sum + (x * next.y - next.x * y) / 2;
    }, 0);
    expect(area([slanted])).toBeCloseTo(shoelace, 0);
    // Sixteen curves whose controls lie on the tangents.
    const circle = Array.from({ length: 32 }, (_, i) => {
      const radius = i % 2 === 0 ? 25 : 25 / Math.cos(Math.PI / 16);
      const angle = (i * Math.PI) / 16;
      return { x: 32 + radius * Math.cos(angle), y: 32 + radius * Math.sin(angle), on: i % 2 === 0 };
    });
    expect(area([circle])).toBeCloseTo(Math.PI * 25 ** 2, -1);
    const hole = moved([circle], 0.5, 16, 16)[0];
    expect(area([circle, [...hole].reverse()])).toBeCloseTo(Math.PI * (25 ** 2 - 12.5 ** 2), -1);
  });

  test('nothing, for no contours, empty ones and what is no number', () => {
    const picture = blank(5, 5);
    const nan = [{ x: Number.NaN, y: 1, on: true }, { x: 2, y: 3, on: true }]; // biome-ignore format: one contour
    for (const contours of [[], [[]], [nan]]) fillContours(picture, contours, [255, 255, 255]);
    expect(picture).toEqual(blank(5, 5));
  });
});

describe('a line of text', () => {
  const bounds = (contours: readonly Contour[]) => {
    const xs = contours.flat().map(({ x }) => x);
    return { left: Math.min(...xs), right: Math.max(...xs) };
  };

  test('keeps to its room, cut with "…"', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.string({ unit: fc.constantFrom('红', 'i', 'W', '…', '😀') }),
    );
    fc.assert(
      fc.property(text, fc.integer({ min: 6, max: 40 }), fc.integer({ min: 0, max: 300 }), (name, size, room) => {
        const line = writeLine(font, printable(name), size, room);
        expect(line.width).toBeLessThanOrEqual(room);
        if (line.contours.length === 0) return;
        // Italic-like overhangs of a few hundredths of an em are a font's right.
        expect(bounds(line.contours).left).toBeGreaterThan(-0.1 * size);
        expect(bounds(line.contours).right).toBeLessThan(line.width + 0.1 * size);
      }),
    );
    const cut = writeLine(font, 'red square', 10, 40);
    const beginning = writeLine(font, 'red …', 10, 100);
    expect(cut.contours.slice(0, 3)).toEqual(beginning.contours.slice(0, 3));
    expect(writeLine(font, 'red', 10, 3).contours).toEqual([]);
  });

  test('frames the code point of a character that the font lacks', () => {
    expect(font.glyph(0x1f600)).toBeUndefined();
    const { contours, width } = writeLine(font, '\u{1f600}', 100, 1000);
    const [outer, inner, ...digits] = contours;
    expect(outer).toHaveLength(4);
    expect(bounds([inner]).left).toBeGreaterThan(bounds([outer]).left);
    expect(bounds([inner]).right).toBeLessThan(bounds([outer]).right);
    expect(bounds([outer]).right).toBeLessThan(width);
    const spelled = writeLine(font, '1F600', 66, 1000).contours;
    expect(digits.map((contour) => contour.length)).toEqual(spelled.map((contour) => contour.length));
    expect(bounds(digits).right - bounds(digits).left).toBeCloseTo(bounds(spelled).right - bounds(spelled).left, 6);
  });

  test('printable: one line, bounded, nothing unprintable, and what was printable unchanged', async () => {
    expect(printable(' a\n\tb\0c\u202e\u200b  红\ud800 e\u0301 \u0928\u093f')).toBe('a b c 红\ufffd é \u0928');
    expect(printable('the red 正方形 “x” <&>')).toBe('the red 正方形 “x” <&>');
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (name) => {
        const text = printable(name.repeat(60));
        expect(text).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}\n]|^\s|\s\s|\s$/u);
        expect(text.length).toBeLessThanOrEqual(200);
        expect(printable(text)).toBe(text);
      }),
    );
    expect(await processorTime(() => printable('\u0301'.repeat(10_000_000)))).toBeLessThan(500);
  });
});
