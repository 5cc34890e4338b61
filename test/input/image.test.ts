import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ImageError } from '../../src/error.ts';
import { decodePicture } from '../../src/input/picture/image.ts';
import { readPicture } from '../../src/input/picture/read-picture.ts';
import { goldenBytes, pictureBytes, pictures, rarer, rarerBytes } from './image-golden.ts';

/** All kinds are exact: JPEG goes through libjpeg itself (its integer IDCT and its smooth upsampling), as in PIL. */
const largestDifference = 0;

describe('decodes as PIL does', () => {
  test.each(pictures)('$file ($kind)', async ({ file, width, height }) => {
    const picture = await decodePicture(pictureBytes(file), file);
    expect([picture.width, picture.height]).toEqual([width, height]);
    const expected = goldenBytes(`${file}.rgb`);
    expect(picture.data.length).toBe(expected.length);
    const difference = picture.data.reduce((max, byte, i) => Math.max(max, Math.abs(byte - expected[i])), 0);
    expect(difference).toBeLessThanOrEqual(largestDifference);
  });

  test.each(rarer)('$file: $what', async (golden) => {
    const decoding = decodePicture(rarerBytes(golden.file), golden.file);
    if (golden.refused) return expect(decoding).rejects.toThrow(ImageError);
    const { width, height, data } = await decoding;
    const sha256 = createHash('sha256').update(data).digest('hex');
    expect({ width, height, sha256 }).toEqual({ width: golden.width, height: golden.height, sha256: golden.sha256 });
  });

  test('takes a view into a larger buffer, shared or not', async () => {
    const bytes = pictureBytes('still.gif');
    for (const file of ['one.png', 'photo444.jpg', 'lossy.webp', 'still.gif']) {
      const picture = pictureBytes(file);
      const shared = new Uint8Array(new SharedArrayBuffer(picture.length + 10), 5, picture.length);
      shared.set(picture);
      expect((await decodePicture(shared, file)).data).toEqual(goldenBytes(`${file}.rgb`));
    }
    const view = new Uint8Array(bytes.length + 10).subarray(3, 3 + bytes.length);
    view.set(bytes);
    expect((await decodePicture(view, 'view')).data).toEqual(goldenBytes('still.gif.rgb'));
  });
});

describe('refuses', () => {
  async function errorOf(attempt: Promise<unknown>): Promise<string> {
    const error = await attempt.then(
      () => undefined,
      (reason) => reason,
    );
    expect(error).toBeInstanceOf(ImageError);
    expect(error.message).not.toContain('\n');
    return error.message;
  }

  test('an empty file and an unknown kind, by name and with a remedy', async () => {
    expect(await errorOf(decodePicture(new Uint8Array(0), 'a.png'))).toBe(
      'a.png: the file is empty; give another picture, or save it again as PNG or JPEG',
    );
    expect(await errorOf(decodePicture(new TextEncoder().encode('<svg></svg>'), 'b.png'))).toMatch(
      /^b\.png: neither PNG, JPEG, WebP nor GIF; /,
    );
  });

  // One pixel is complete long before its file is.
  const larger = pictures.filter(({ file }) => file !== 'one.png');
  const beginnings = larger.flatMap(({ file }) => [0.1, 0.5, 0.9].map((share) => ({ file, share })));
  test.each(beginnings)('the first $share of $file', async ({ file, share }) => {
    const bytes = pictureBytes(file);
    const message = await errorOf(decodePicture(bytes.subarray(0, bytes.length * share), file));
    expect(message).toMatch(new RegExp(`^${file}: `));
  });

  test('arithmetic coding and 12-bit JPEG, saying so', async () => {
    const jpeg = pictureBytes('photo444.jpg');
    const frame = jpeg.findIndex((byte, i) => byte === 0xff && jpeg[i + 1] === 0xc0);
    const arithmetic = jpeg.with(frame + 1, 0xc9);
    expect(await errorOf(decodePicture(arithmetic, 'a.jpg'))).toContain('arithmetic');
    expect(await errorOf(decodePicture(jpeg.with(frame + 4, 12), 'a.jpg'))).toContain('12 bits');
  });

  test('paths that are missing, folders, devices or too large', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'picture-'));
    try {
      expect(await errorOf(readPicture(join(folder, 'none.png')))).toMatch(/none\.png: no such file; check the path/);
      expect(await errorOf(readPicture(folder))).toContain('a folder');
      expect(await errorOf(readPicture('/dev/null'))).toContain('not a regular file');
      expect(await errorOf(readPicture('a\0b'))).toContain('cannot be read');
      const large = join(folder, 'large.png');
      writeFileSync(large, '');
      truncateSync(large, 257 * 2 ** 20);
      expect(await errorOf(readPicture(large))).toContain('257 MB, more than 256 MB');
      const good = join(folder, 'good.png');
      writeFileSync(good, pictureBytes('one.png'));
      expect((await readPicture(good)).data).toEqual(goldenBytes('one.png.rgb'));
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
