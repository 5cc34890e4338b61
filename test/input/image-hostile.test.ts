import { deflateSync } from 'node:zlib';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ImageError } from '../../src/error.ts';
import { decodePicture } from '../../src/input/picture/image.ts';
import { goldenBytes, pictureBytes } from './image-golden.ts';

const limits = { pixels: 1e6, side: 1e5 };

/** Decodes to a picture that agrees with itself, or throws an ImageError. */
async function survives(bytes: Uint8Array, name: string): Promise<'decoded' | 'refused'> {
  try {
    const { width, height, data } = await decodePicture(bytes, name, limits);
    expect(data.length).toBe(width * height * 3);
    return 'decoded';
  } catch (error) {
    expect(error).toBeInstanceOf(ImageError);
    return 'refused';
  }
}

const seeds = [
  'alpha.png',
  'palette.png',
  'gray16.png',
  'rotated.jpg',
  'cmyk.jpg',
  'lossless.webp',
  'lossy.webp',
  'still.gif',
];

describe.each(seeds)('%s', (name) => {
  const original = pictureBytes(name);
  const position = fc.oneof(fc.nat(original.length - 1), fc.nat(Math.min(700, original.length - 1)));
  const change = fc.tuple(position, fc.oneof(fc.nat(255), fc.constantFrom(0, 255)));

  test('damaged anyhow it is decoded or refused, and the next picture is decoded as ever', async () => {
    const outcomes = new Set<string>();
    const property = fc.asyncProperty(
      fc.array(change, { maxLength: 6 }),
      fc.option(fc.nat(original.length), { freq: 2 }), // half are whole: of any format a dozen or more are decoded
      async (changes, length) => {
        const bytes = original.slice(0, length ?? original.length);
        for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value;
        outcomes.add(await survives(bytes, name));
      },
    );
    await fc.assert(property, { numRuns: 200 });
    expect([...outcomes].sort()).toEqual(['decoded', 'refused']);
    expect((await decodePicture(original, name)).data).toEqual(goldenBytes(`${name}.rgb`));
  });

  test('its beginning followed by noise is decoded or refused', async () => {
    const property = fc.asyncProperty(fc.nat(200), fc.uint8Array({ maxLength: 300 }), async (length, noise) => {
      await survives(Uint8Array.from([...original.subarray(0, length), ...noise]), name);
    });
    await fc.assert(property, { numRuns: 100 });
  });
});

describe('a declared size', () => {
  const [png, jpeg, gif] = [pictureBytes('one.png'), pictureBytes('photo444.jpg'), pictureBytes('still.gif')];
  const frame = jpeg.findIndex((byte, i) => byte === 0xff && jpeg[i + 1] === 0xc0);
  const refused = (bytes: Uint8Array) => expect(decodePicture(bytes, 'huge')).rejects;

  test('over the limit is refused before anything is allocated', async () => {
    const before = process.memoryUsage().arrayBuffers;
    await refused(pngOf(2 ** 31 - 1, 2 ** 31 - 1, new Uint8Array(9))).toThrow(
      /2147483647 × 2147483647 pixels, more than/,
    );
    await refused(pngOf(2_000_000, 1, new Uint8Array(9))).toThrow('a side longer than 1000000');
    await refused(withBytes(jpeg, frame + 5, [0xff, 0xff, 0xff, 0xff])).toThrow('65535 × 65535 pixels');
    await refused(withBytes(gif, 6, [0xff, 0xff, 0xff, 0xff])).toThrow('65535 × 65535 pixels');
    await refused(withBytes(pictureBytes('lossless.webp'), 21, [0xff, 0xff, 0xff, 0x0f])).toThrow(
      '16384 × 16384 pixels',
    );
    await refused(withBytes(pictureBytes('lossy.webp'), 26, [0xff, 0x3f, 0xff, 0x3f])).toThrow('16383 × 16383 pixels');
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(2 ** 20);
  });

  test('of nothing is refused', async () => {
    await refused(pngOf(0, 5, png)).toThrow('a size of 0 × 5 pixels');
    await refused(withBytes(jpeg, frame + 5, [0, 0])).toThrow('a size of 150 × 0 pixels');
  });

  test('that the file is too small to fill is refused before anything is allocated', async () => {
    const before = process.memoryUsage().arrayBuffers;
    await refused(pngOf(10_000, 10_000, new Uint8Array(100))).toThrow('cut');
    await refused(withBytes(jpeg, frame + 5, [0x27, 0x10, 0x27, 0x10])).toThrow('cut');
    const frameAt = gif.lastIndexOf(0x2c, gif.length - 1200);
    expect([...gif.subarray(frameAt, frameAt + 9)]).toEqual([0x2c, 0, 0, 0, 0, 60, 0, 50, 0]);
    const wide = [0x10, 0x27, 0x10, 0x27];
    await refused(withBytes(withBytes(gif, 6, wide), frameAt + 5, wide)).toThrow('cut');
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(2 ** 20);
  });
});

describe('a file made to exhaust the decoder', () => {
  test('PNG: what is compressed beyond the last row is never inflated', async () => {
    const bomb = deflateSync(new Uint8Array(100e6), { level: 9 });
    const before = process.memoryUsage().rss;
    const { data } = await decodePicture(pngOf(8, 8, bomb), 'bomb.png');
    expect(data).toEqual(new Uint8Array(8 * 8 * 3));
    expect(process.memoryUsage().rss - before).toBeLessThan(50e6);
  });

  test('JPEG: thousands of scans', async () => {
    const jpeg = pictureBytes('progressive.jpg');
    const scan = jpeg.findIndex((byte, i) => byte === 0xff && jpeg[i + 1] === 0xda);
    const header = jpeg.subarray(scan, scan + 2 + jpeg[scan + 3]);
    const scans = Array.from({ length: 2000 }, () => [...header]).flat();
    const bytes = Uint8Array.from([...jpeg.subarray(0, scan), ...scans, ...jpeg.subarray(scan)]);
    await expect(decodePicture(bytes, 'scans.jpg')).rejects.toThrow(/20\d\d scans, more than 100/);
  });

  test('PNG and JPEG: a million empty chunks or segments', async () => {
    const chunks = new Uint8Array(12e6);
    for (let at = 0; at < chunks.length; at += 12) chunks.set([0x49, 0x44, 0x41, 0x54], at + 4);
    const png = Buffer.concat([pngOf(8, 8, new Uint8Array(0)), chunks]);
    await expect(decodePicture(png, 'chunks.png')).rejects.toThrow('more than 262144 chunks');
    const segments = new Uint8Array(4e6);
    for (let at = 0; at < segments.length; at += 4) segments.set([0xff, 0xfe, 0, 2], at);
    const jpeg = Buffer.concat([Buffer.from([0xff, 0xd8]), segments]);
    await expect(decodePicture(jpeg, 'segments.jpg')).rejects.toThrow('more than 4096 segments');
  });

  test('GIF: codes that name each other in a circle', async () => {
    const codes = [256, 5, 300, ...Array<number>(46).fill(259), 257];
    const bits = codes.flatMap((code) => Array.from({ length: 9 }, (_, i) => (code >> i) & 1));
    const packed = Array.from({ length: Math.ceil(bits.length / 8) }, (_, byte) =>
      bits.slice(8 * byte, 8 * byte + 8).reduce((sum, bit, i) => sum | (bit << i), 0),
    );
    const header = [...new TextEncoder().encode('GIF89a'), 20, 0, 20, 0, 0, 0, 0, 0x2c, 0, 0, 0, 0, 20, 0, 20, 0, 0];
    const bytes = Uint8Array.from([...header, 8, packed.length, ...packed, 0, 0x3b]);
    await expect(decodePicture(bytes, 'circle.gif')).rejects.toThrow('damaged');
  });
});

function withBytes(bytes: Uint8Array, at: number, values: number[]): Uint8Array {
  const result = bytes.slice();
  result.set(values, at);
  return result;
}

/** A PNG of 8-bit RGB whose checksums of the pixel data are wrong, which nobody reads. */
function pngOf(width: number, height: number, compressed: Uint8Array): Uint8Array {
  const header = Buffer.alloc(25);
  header.writeUInt32BE(13);
  header.write('IHDR', 4);
  header.writeUInt32BE(width, 8);
  header.writeUInt32BE(height, 12);
  header.set([8, 2, 0, 0, 0], 16);
  header.writeUInt32BE(crc32(header.subarray(4, 21)), 21);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(compressed.length);
  const signature = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
  return Buffer.concat([Buffer.from(signature), header, length, Buffer.from('IDAT'), compressed, Buffer.alloc(4)]);
}

function crc32(bytes: Uint8Array): number {
  let crc = ~0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
}
