import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { boxCorners, palette } from '../../src/input/boxes/annotation.ts';
import { drawOutlines, encodePng } from '../../src/input/boxes/draw.ts';
import { decodePicture } from '../../src/input/picture/image.ts';
import type { Picture } from '../../src/input/picture/picture.ts';

function plain(width: number, height: number, colour: readonly number[]): Picture {
  return { width, height, data: Uint8Array.from({ length: width * height * 3 }, (_, i) => colour[i % 3]) };
}

const pixelAt = ({ width, data }: Picture, x: number, y: number) => [
  ...data.subarray((y * width + x) * 3).subarray(0, 3),
];

describe('a box', () => {
  const picture = plain(400, 200, [128, 128, 128]);
  const drawn = drawOutlines(picture, [{ corners: boxCorners(50, 40, 350, 160), colour: 1 }]);

  test.each([
    ['top left', 50, 40],
    ['top', 200, 40],
    ['right', 350, 100],
    ['bottom', 200, 160],
    ['left', 50, 100],
    ['bottom right', 350, 160],
  ])('has its colour at the %s', (_, x, y) => {
    expect(pixelAt(drawn, x - 1, y - 1)).toEqual([...palette[1]]);
    expect(pixelAt(drawn, x, y)).toEqual([...palette[1]]);
  });

  test('has a rim on both sides of its line, two pixels wide, and touches nothing else', () => {
    const column = Array.from({ length: 200 }, (_, y) => pixelAt(drawn, 200, y));
    const [rim, colour, rest] = [[255, 255, 255], [...palette[1]], [128, 128, 128]];
    expect(column.slice(37, 44)).toEqual([rest, rim, colour, colour, rim, rest, rest]);
    expect(column.slice(43, 157).every((pixel) => String(pixel) === String(rest))).toBe(true);
  });

  test('leaves the original alone', () => {
    expect(picture.data.every((byte) => byte === 128)).toBe(true);
  });
});

test('lines grow with the picture', () => {
  const widthOf = (size: number) => {
    const drawn = drawOutlines(plain(size, size, [0, 0, 0]), [
      { corners: boxCorners(0, size / 2, size, size / 2), colour: 2 },
    ]);
    return Array.from({ length: size }, (_, y) => pixelAt(drawn, size / 2, y)).filter(([red]) => red === palette[2][0])
      .length;
  };
  expect([widthOf(100), widthOf(1000), widthOf(2000)]).toEqual([2, 5, 10]);
});

test('a slanted line is as thick as a straight one, and its corners are where they were given', () => {
  const picture = plain(200, 200, [0, 0, 0]);
  const corners = [
    [100, 20],
    [180, 100],
    [100, 180],
    [20, 100],
  ] as const;
  const drawn = drawOutlines(picture, [{ corners: [...corners], colour: 3 }]);
  for (const [x, y] of corners) expect(pixelAt(drawn, x, y)).toEqual([...palette[3]]);
  const area = drawn.data.filter((byte, i) => i % 3 === 1 && byte === palette[3][1]).length;
  expect(area / (4 * Math.hypot(80, 80) * 2)).toBeCloseTo(1, 0.9);
});

test.each(palette.map((colour, index) => ({ colour, index })))('colour $index shows on itself', ({ colour, index }) => {
  const background = plain(60, 60, colour);
  const drawn = drawOutlines(background, [{ corners: boxCorners(10, 10, 50, 50), colour: index }]);
  const changed = drawn.data.filter((byte, i) => Math.abs(byte - background.data[i]) > 100).length;
  expect(changed).toBeGreaterThan(200);
});

test('colours are counted round', () => {
  const picture = plain(20, 20, [9, 9, 9]);
  const draw = (colour: number) => drawOutlines(picture, [{ corners: boxCorners(5, 5, 15, 15), colour }]).data;
  expect(draw(palette.length + 2)).toEqual(draw(2));
  expect(draw(-1)).toEqual(draw(palette.length - 1));
});

test('any corners, however far out or absurd, are clipped in no time', () => {
  const coordinate = fc.oneof(fc.double(), fc.integer({ min: -50, max: 100 }), fc.constantFrom(1e308, -1e308));
  const outline = fc.record({
    corners: fc.array(fc.tuple(coordinate, coordinate), { maxLength: 5 }),
    colour: fc.integer(),
  });
  const size = fc.integer({ min: 1, max: 40 });
  fc.assert(
    fc.property(size, size, fc.array(outline, { maxLength: 4 }), (width, height, outlines) => {
      const drawn = drawOutlines(plain(width, height, [1, 2, 3]), outlines);
      expect([drawn.width, drawn.height, drawn.data.length]).toEqual([width, height, width * height * 3]);
    }),
  );
});

test('a box around the whole picture shows inside it, and one outside it does not', () => {
  const picture = plain(30, 20, [0, 0, 0]);
  const around = drawOutlines(picture, [{ corners: boxCorners(0, 0, 30, 20), colour: 2 }]);
  expect(pixelAt(around, 0, 10)).toEqual([...palette[2]]);
  expect(pixelAt(around, 29, 19)).toEqual([...palette[2]]);
  expect(drawOutlines(picture, [{ corners: boxCorners(-90, -90, 150, 120), colour: 2 }])).toEqual(picture);
});

test('a picture survives PNG', async () => {
  const size = fc.integer({ min: 1, max: 20 });
  await fc.assert(
    fc.asyncProperty(size, size, fc.infiniteStream(fc.nat(255)), async (width, height, bytes) => {
      const picture = { width, height, data: Uint8Array.from([...bytes.take(width * height * 3)]) };
      expect(await decodePicture(encodePng(picture), 'drawn.png')).toEqual(picture);
    }),
  );
});
