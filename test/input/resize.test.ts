import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Picture } from '../../src/input/picture/picture.ts';
import { pixels, resize } from '../../src/input/picture/resize.ts';
import { goldenBytes, pictures } from './image-golden.ts';

describe('equals PIL and torchvision, byte by byte and bit by bit', () => {
  test.each(pictures)('$file, $width × $height to $size', ({ file, width, height, size }) => {
    const picture = { width, height, data: goldenBytes(`${file}.rgb`) };
    // Matchers for equality take seconds on megabytes.
    expect(Buffer.compare(resize(picture, size).data, goldenBytes(`${file}.resized`))).toBe(0);
    expect(Buffer.compare(new Uint8Array(pixels(picture, size).buffer), goldenBytes(`${file}.pixels`))).toBe(0);
  });
});

const pictureOf = (longest: number): fc.Arbitrary<Picture> =>
  fc.tuple(fc.integer({ min: 1, max: longest }), fc.integer({ min: 1, max: longest })).chain(([width, height]) => {
    const length = width * height * 3;
    const bytes = fc.oneof(fc.nat(255), fc.constantFrom(0, 255));
    return fc.record({
      width: fc.constant(width),
      height: fc.constant(height),
      data: fc.array(bytes, { minLength: length, maxLength: length }).map((values) => Uint8Array.from(values)),
    });
  });

const side = fc.integer({ min: 1, max: 24 });

test('equals a plain transcription of the formula', () => {
  fc.assert(
    fc.property(pictureOf(17), side, (picture, size) => {
      const narrow = plainPass(picture, size);
      expect(resize(picture, size).data).toEqual(transposed(plainPass(transposed(narrow), size)).data);
    }),
    { numRuns: 200 },
  );
});

test('one colour stays that colour', () => {
  const sizes = fc.integer({ min: 1, max: 60 });
  fc.assert(
    fc.property(sizes, sizes, side, fc.tuple(fc.nat(255), fc.nat(255), fc.nat(255)), (width, height, size, colour) => {
      const picture = { width, height, data: Uint8Array.from({ length: width * height * 3 }, (_, i) => colour[i % 3]) };
      expect(resize(picture, size).data.every((byte, i) => byte === colour[i % 3])).toBe(true);
    }),
  );
});

test('a picture of the right size is itself', () => {
  fc.assert(
    fc.property(side, fc.infiniteStream(fc.nat(255)), (size, bytes) => {
      const data = Uint8Array.from([...bytes.take(size * size * 3)]);
      expect(resize({ width: size, height: size, data }, size).data).toEqual(data);
    }),
  );
});

test('flipping the picture flips the result', () => {
  const flipped = ({ width, height, data }: Picture): Picture => ({
    width,
    height,
    data: data.map((_, i) => {
      const [pixel, channel] = [Math.floor(i / 3), i % 3];
      const [row, column] = [Math.floor(pixel / width), pixel % width];
      return data[(row * width + width - 1 - column) * 3 + channel];
    }),
  });
  fc.assert(
    // Powers of two: elsewhere the centres of the two ends differ in their last bit.
    fc.property(pictureOf(16), fc.constantFrom(1, 2, 4, 8, 16), (picture, size) => {
      fc.pre(Math.log2(picture.width) % 1 === 0);
      expect(resize(flipped(picture), size).data).toEqual(flipped(resize(picture, size)).data);
    }),
  );
});

test('the most extreme shapes take little memory and time', () => {
  const length = 200_000;
  const data = new Uint8Array(3 * length).fill(77);
  const before = process.memoryUsage().arrayBuffers;
  for (const [width, height] of [
    [1, length],
    [length, 1],
  ]) {
    expect(resize({ width, height, data }, 28).data.every((byte) => byte === 77)).toBe(true);
  }
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(50e6);
});

/** The horizontal pass as the formula reads: in float64, one weight after the other. */
function plainPass({ width: n, height, data }: Picture, m: number): Picture {
  if (n === m) return { width: n, height, data };
  const w = (t: number) => {
    const x = Math.abs(t);
    if (x >= 2) return 0;
    return x < 1 ? 1.5 * x ** 3 - 2.5 * x ** 2 + 1 : -0.5 * x ** 3 + 2.5 * x ** 2 - 4 * x + 2;
  };
  const result = new Uint8Array(m * height * 3);
  const [scale, f] = [n / m, Math.max(1, n / m)];
  for (let i = 0; i < m; i++) {
    const c = (i + 0.5) * scale;
    const taps: number[] = [];
    for (let x = Math.max(0, Math.trunc(c - 2 * f + 0.5)); x < Math.min(n, Math.trunc(c + 2 * f + 0.5)); x++)
      taps.push(x);
    const total = taps.reduce((sum, x) => sum + w((x - c + 0.5) / f), 0);
    for (let at = 0; at < height * 3; at++) {
      const [row, channel] = [Math.floor(at / 3), at % 3];
      let sum = 2 ** 21;
      for (const x of taps) {
        const k = (w((x - c + 0.5) / f) / total) * 2 ** 22;
        sum += Math.sign(k) * Math.floor(Math.abs(k) + 0.5) * data[(row * n + x) * 3 + channel];
      }
      result[(row * m + i) * 3 + channel] = Math.min(255, Math.max(0, Math.floor(sum / 2 ** 22)));
    }
  }
  return { width: m, height, data: result };
}

function transposed({ width, height, data }: Picture): Picture {
  const result = new Uint8Array(data.length);
  for (let i = 0; i < data.length; i++) {
    const [row, column] = [Math.floor(i / 3 / width), Math.floor(i / 3) % width];
    result[(column * height + row) * 3 + (i % 3)] = data[i];
  }
  return { width: height, height: width, data: result };
}
