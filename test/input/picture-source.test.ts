import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import { ImageError } from '../../src/error.ts';
import { encodePng } from '../../src/input/boxes/draw.ts';
import {
  openPicture,
  openPictures,
  type PictureOptions,
  type PictureSource,
} from '../../src/input/picture/picture-source.ts';
import { pixels, resize } from '../../src/input/picture/resize.ts';
import { processorTime } from '../processor-time.ts';
import { goldenBytes, pictureBytes, pictures } from './image-golden.ts';

const files = vi.hoisted(() => ({ opened: [] as string[] }));
vi.mock('../../src/input/picture/read-picture.ts', async (load) => {
  const original = await load<typeof import('../../src/input/picture/read-picture.ts')>();
  return {
    ...original,
    readPictureFile: (path: string) => {
      files.opened.push(path);
      return original.readPictureFile(path);
    },
  };
});

/** 10,000 × 10,000 pixels of one colour. */
const hundredMegapixelsWebp = '524946461a000000574542505650384c0e0000002f0fe7c309071011fd0f4444ff03';

const base64Url = (bytes: Uint8Array, type = 'image/png') =>
  `data:${type};base64,${Buffer.from(bytes).toString('base64')}`;
const escapedUrl = (bytes: Uint8Array) =>
  `data:image/png,${Array.from(bytes, (byte) => `%${byte.toString(16).padStart(2, '0')}`).join('')}`;

async function refusal(source: unknown, options?: PictureOptions): Promise<string> {
  const error = await openPicture(source as PictureSource, options).then(
    () => undefined,
    (reason) => reason,
  );
  expect(error).toBeInstanceOf(ImageError);
  expect(error.message).not.toContain('\n');
  return error.message;
}

test.each(pictures)('$file is the same from its bytes, its path and both kinds of data URL', async ({ file }) => {
  const bytes = pictureBytes(file);
  const path = new URL(`../../golden/preprocess/${file}`, import.meta.url).pathname;
  const sources: PictureSource[] = [bytes, Buffer.from(bytes), { path }, { dataUrl: base64Url(bytes) }];
  if (bytes.length < 1e5) sources.push({ dataUrl: escapedUrl(bytes) });
  for (const source of sources) {
    expect(Buffer.compare((await openPicture(source)).data, goldenBytes(`${file}.rgb`))).toBe(0);
  }
});

test('a picture survives PNG and data URLs, base64 plain or escaped, percent-encoded wholly or in part', async () => {
  const size = fc.integer({ min: 1, max: 12 });
  const property = fc.asyncProperty(size, size, fc.infiniteStream(fc.nat(255)), async (width, height, stream) => {
    const picture = { width, height, data: Uint8Array.from([...stream.take(width * height * 3)]) };
    const png = encodePng(picture);
    const base64 = base64Url(png);
    const [head, body] = base64.split(',');
    const partly = Buffer.from(png)
      .toString('latin1')
      .replace(/[^\w.!~*'();/?:@&=+$,-]/gs, (byte) => `%${byte.charCodeAt(0).toString(16).padStart(2, '0')}`);
    for (const dataUrl of [
      base64,
      `${head},${encodeURIComponent(body)}`,
      escapedUrl(png),
      `DATA:image/x-any;charset=utf-8,${partly}`,
    ]) {
      expect(await openPicture({ dataUrl })).toEqual(picture);
    }
  });
  await fc.assert(property, { numRuns: 50 });
});

test('raw pixels are taken as they are: grey spread, alpha dropped, the caller free to overwrite them', async () => {
  const size = fc.integer({ min: 1, max: 12 });
  const property = fc.asyncProperty(
    size,
    size,
    fc.constantFrom(1, 3, 4),
    fc.infiniteStream(fc.nat(255)),
    fc.boolean(),
    async (width, height, channels, stream, clamped) => {
      const values = [...stream.take(width * height * channels)];
      const data = clamped ? Uint8ClampedArray.from(values) : Uint8Array.from(values);
      const picture = await openPicture({ width, height, channels: channels as 1 | 3 | 4, data });
      data.fill(0);
      const expected = Array.from({ length: width * height }, (_, i) => {
        const pixel = values.slice(i * channels, (i + 1) * channels);
        return channels === 1 ? [pixel[0], pixel[0], pixel[0]] : pixel.slice(0, 3);
      });
      expect(picture).toEqual({ width, height, data: Uint8Array.from(expected.flat()) });
    },
  );
  await fc.assert(property);
});

describe('refuses, saying what was found', () => {
  const good = { width: 2, height: 2, channels: 3, data: new Uint8Array(12) } as const;
  test.each([
    [{ ...good, width: 1.5 }, 'pixels: a size of 1.5 × 2; give whole numbers of pixels'],
    [{ ...good, width: -2, height: -2 }, 'a size of -2 × -2'],
    [{ ...good, width: Number.NaN }, 'a size of NaN × 2'],
    [{ ...good, width: 0 }, 'a size of 0 × 2'],
    [{ ...good, channels: 2 }, '2 channels; give 1, 3 or 4'],
    [{ ...good, data: new Uint8Array(13) }, '13 values, expected 12 bytes for 2 × 2 × 3'],
    [{ ...good, data: new Float32Array(12) }, '12 values, expected 12 bytes'],
    [{ ...good, data: undefined }, 'neither bytes, nor a path'],
    [{ ...good, width: 1e5, height: 1e5 }, '100000 × 100000 pixels, more than 100 megapixels'],
    [{ ...good, width: 2e6, height: 1 }, 'a side longer than 1000000'],
    ['cat.png', 'neither bytes, nor a path, a data URL or pixels'],
    [null, 'neither bytes, nor a path, a data URL or pixels'],
    [{}, 'neither bytes, nor a path, a data URL or pixels'],
    [{ path: 5 }, 'neither bytes, nor a path, a data URL or pixels'],
    [{ dataUrl: 5 }, 'neither bytes, nor a path, a data URL or pixels'],
  ])('%# %s', async (source, message) => {
    expect(await refusal(source)).toContain(message);
  });

  const png = Buffer.from(pictureBytes('one.png')).toString('base64');
  test.each([
    ['cat.png', '"cat.png", which begins no data URL of a picture'],
    ['', '"", which begins no data URL'],
    ['file:///etc/passwd', '"file:///et", which begins no data URL'],
    ['data:text/html;base64,AAAA', '"data:text/html;base64", which begins no data URL of a picture'],
    [`data:;base64,${png}`, 'no media type'],
    [`data:image/png;base64 ,${png}`, 'which begins no data URL'],
    [`data:image/png;${'a=b;'.repeat(100)}base64,${png}`, 'which begins no data URL'],
    [`data:image/png;base64,${png.slice(0, 8)}\n${png.slice(8)}`, 'a character that is not of base64 at 8'],
    [`data:image/png;base64,${png.slice(0, 8)}====${png.slice(8)}`, 'a character that is not of base64 at 8'],
    [`data:image/png;base64,${png}=`, 'not a multiple of 4'],
    [`data:image/png;base64,${png.replace(/.(?==*$)/, '')}`, 'not a multiple of 4'],
    ['data:image/png;base64,AAB=', 'stray bits at the end of base64'],
    ['data:image/png;base64,AB==', 'stray bits at the end of base64'],
    ['data:image/png;base64,A===', 'a character that is not of base64 at 1'],
    ['data:image/png;base64,%4', 'a character that is not of base64 at 0'],
    ['data:image/png,%89PNG%', '"%" at 6 of its data, which must be escaped'],
    ['data:image/png,%89PNG#a', '"#" at 6 of its data'],
    ['data:image/png,ü', '"ü" at 0 of its data'],
    ['data:image/png,', 'the file is empty'],
    ['data:image/svg+xml,%3Csvg/%3E', 'neither PNG, JPEG, WebP nor GIF'],
  ])('%# %s', async (dataUrl, message) => {
    expect(await refusal({ dataUrl })).toContain(message);
  });

  /** A picture of one pixel, or a refusal. */
  async function eitherWay(source: PictureSource): Promise<void> {
    const found = await openPicture(source).catch((error: unknown) => error);
    if (!(found instanceof ImageError)) expect(found).toMatchObject({ width: 1, height: 1 });
  }

  test('any text as a data URL, at once', async () => {
    const head = fc.constantFrom(
      '',
      'data:',
      'data:image/png,',
      'data:image/png;base64,',
      `data:image/png;base64,${png}`,
    );
    const tail = fc.oneof(fc.string({ unit: 'binary' }), fc.string({ unit: fc.constantFrom('%', 'A', '=', ';', ',') }));
    const property = fc.asyncProperty(head, tail, async (start, end) => {
      // Behind a whole picture other bytes may follow, as in a file.
      if (start.endsWith(png)) return eitherWay({ dataUrl: start + end });
      await refusal({ dataUrl: start + end });
    });
    await fc.assert(property, { numRuns: 300 });
    const long = [`data:image/png;base64,${'%'.repeat(3e6)}`, `data:image/png${';a=b'.repeat(1e6)},`];
    for (const dataUrl of long) expect(await processorTime(() => refusal({ dataUrl }))).toBeLessThan(1000);
  });
});

test('limits can be passed one by one, and errors call the picture by the name given', async () => {
  const [bytes, limits] = [pictureBytes('wide.png'), { pixels: 35_000 }];
  const path = new URL('../../golden/preprocess/wide.png', import.meta.url).pathname;
  const pixels = { width: 300, height: 120, channels: 1, data: new Uint8Array(36_000) } as const;
  for (const source of [bytes, { dataUrl: base64Url(bytes) }, pixels]) {
    expect(await refusal(source, { limits, name: 'picture 2' })).toBe(
      'picture 2: 300 × 120 pixels, more than 0.035 megapixels; make it smaller',
    );
    expect(await refusal(source, { limits: { side: 299 } })).toContain('a side longer than 299');
    expect((await openPicture(source, { limits: { pixels: 36_000 } })).width).toBe(300);
  }
  expect(await refusal({ path }, { limits })).toContain('wide.png: 300 × 120 pixels, more than 0.035 megapixels');
});

describe('the pictures of a question', () => {
  const files = ['photo444.jpg', 'wide.png', 'still.gif'];

  test('are shrunk to what the model sees, exactly', async () => {
    const found = await openPictures(files.map(pictureBytes), 32);
    for (const [i, file] of files.entries()) {
      const whole = await openPicture(pictureBytes(file));
      expect(found[i]).toEqual(resize(whole, 32));
      expect(pixels(found[i], 32)).toEqual(pixels(whole, 32));
    }
  });

  test('are counted together before the first is decoded', async () => {
    const hundredMegapixels = Buffer.from(hundredMegapixelsWebp, 'hex');
    const before = process.memoryUsage().rss;
    const refused = openPictures(Array(16).fill(hundredMegapixels), 448);
    await expect(refused).rejects.toThrow('picture: more than 500 megapixels with the pictures before it');
    await expect(refused).rejects.toThrow(ImageError);
    const row = { width: 1e6, height: 90, channels: 1, data: new Uint8Array(0) } as const;
    await expect(openPictures(Array(6).fill(row), 448)).rejects.toThrow('more than 500 megapixels');
    expect(process.memoryUsage().rss - before).toBeLessThan(100e6);
  });
});

test('a URL given as a path is named as one', async () => {
  expect(await refusal({ path: 'https://example.org/a.png' })).toContain('a URL, and nothing is fetched');
  expect(await refusal({ path: 'file:///a.png' })).toContain('a file URL, expected a path; give what fileURLToPath');
  const long = await refusal({ path: base64Url(new Uint8Array(1e4)) });
  expect(long).toContain('a data URL, expected a path; give it as { dataUrl }');
  expect(long.length).toBeLessThan(200);
});

test('only a path opens a file', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'source-'));
  try {
    const path = join(folder, 'one.png');
    writeFileSync(path, pictureBytes('one.png'));
    files.opened.length = 0;
    for (const text of [path, relative('', path), `file://${path}`, `data:image/png,${path}`, `data:${path}`]) {
      await refusal({ dataUrl: text });
      await refusal(new TextEncoder().encode(text));
      await refusal(text);
    }
    expect(files.opened).toEqual([]);
    await openPicture({ path });
    expect(files.opened).toEqual([path]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
