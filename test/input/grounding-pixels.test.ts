import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Shape, shapeFromPixels, shapeToPixels } from '../../src/input/boxes/grounding.ts';

describe('pixels', () => {
  test('a place is the floor of its thousandths', () => {
    const shape: Shape = [
      [0, 99],
      [640, 480],
    ];
    expect(shapeFromPixels(shape, 640, 480)).toEqual([
      [0, 206],
      [999, 999],
    ]);
    expect(
      shapeToPixels(
        [
          [500, 0],
          [999, 999],
        ],
        640,
        480,
      ),
    ).toEqual([
      [320, 0],
      [639, 479],
    ]);
  });

  test('there and back is off by less than a thousandth and a pixel', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 20_000 }), fc.double({ min: 0, max: 1, noNaN: true }), (side, share) => {
        const pixel = Math.floor(share * (side - 1));
        const shape: Shape = [
          [pixel, 0],
          [pixel, 0],
        ];
        const [[back]] = shapeToPixels(shapeFromPixels(shape, side, side), side, side);
        expect(back).toBeLessThanOrEqual(pixel);
        expect(pixel - back).toBeLessThan(side / 1000 + 1);
      }),
    );
  });
});
