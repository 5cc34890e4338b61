import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { drawRegions } from '../../src/input/boxes/draw.ts';
import { parseGrounding, type Region } from '../../src/input/boxes/grounding.ts';
import { openPicture } from '../../src/input/picture/picture-source.ts';
import { goldenBytes, pictureBytes, pictures, rarer } from '../input/image-golden.ts';
import { describeInBrowser } from './harness.ts';
import type { Fingerprint, showSvg } from './pictures-page.ts';

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

describeInBrowser('pictures in Chromium', (page) => {
  const run = <Result>(name: string, argument: unknown) =>
    page.run<Result>({ device: 'cpu', module: '/test/browser/pictures-page.ts', name, argument });

  test.each(pictures)('$file ($kind) is decoded to the same bytes as in Node, and by PIL', async ({
    file,
    width,
    height,
  }) => {
    const there = await run<Fingerprint>('decodeFile', `/golden/preprocess/${file}`);
    const here = await openPicture(pictureBytes(file));
    expect(there).toEqual({ width, height, sha256: sha256(goldenBytes(`${file}.rgb`)) });
    expect(sha256(here.data)).toBe(there.sha256);
  });

  test('the rarer kinds are decoded to the same bytes as by PIL, or refused as there', async () => {
    const files = rarer.map(({ file }) => `/golden/pictures/${file}`);
    const found = await run<(Fingerprint | undefined)[]>('decodeFiles', files);
    const expected = rarer.map(({ file, ...golden }) =>
      golden.refused
        ? [file, undefined]
        : [file, { width: golden.width, height: golden.height, sha256: golden.sha256 }],
    );
    expect(rarer.map(({ file }, i) => [file, found[i] ?? undefined])).toEqual(expected);
  });

  test('what is damaged or a file of the machine is refused', async () => {
    const jpeg = Buffer.from(pictureBytes('photo444.jpg'));
    const dataUrl = `data:image/jpeg;base64,${jpeg.subarray(0, jpeg.length / 2).toString('base64')}`;
    expect(await run('refusal', { dataUrl })).toMatch(/^ImageError: data URL: a JPEG file that cannot be decoded/);
    expect(await run('refusal', { dataUrl: `data:image/jpeg;base64,${jpeg.toString('base64')}` })).toBe('decoded');
    expect(await run('refusal', { dataUrl: '/golden/preprocess/one.png' })).toMatch(
      /^ImageError: .*begins no data URL/,
    );
    expect(await run('refusal', { path: '/golden/preprocess/one.png' })).toMatch(
      /^ImageError: .*a page opens no files/,
    );
  });

  const path = '/golden/preprocess/photo444.jpg';
  const answer =
    '<ref>红色的正方形</ref><box>(100,200),(900,700)</box><ref>a dog 😀</ref><quad>(10,800),(300,700),(350,900),(60,990)</quad>';
  const { regions } = parseGrounding(answer);

  test('boxes and their names are drawn with the same pixels as in Node', async () => {
    const drawn = await drawRegions(await openPicture(pictureBytes('photo444.jpg')), regions);
    const { width, height } = drawn;
    expect(await run('drawOn', { path, regions })).toEqual({ width, height, sha256: sha256(drawn.data) });
  });

  test('an SVG looks like the drawn picture, and hostile names are nothing but text', async () => {
    const names = ['</title><script>document.title = "x"</script>', '"><img src=x onerror=alert(1)>', '&lt;b&gt;'];
    const hostile: Region[] = names.map((ref, i) => ({ ...regions[i % 2], ref }));
    const shown = await run<Awaited<ReturnType<typeof showSvg>>>('showSvg', { path, regions: hostile });
    expect(shown.elements).toEqual(['g', 'image', 'path', 'rect', 'svg', 'title']);
    expect(shown.titles).toEqual(names);
    const plain = await run<Awaited<ReturnType<typeof showSvg>>>('showSvg', { path, regions });
    for (const { fromDrawn, fromPlain } of [shown, plain]) {
      expect(fromDrawn).toBeLessThan(3);
      expect(fromPlain).toBeGreaterThan(5 * fromDrawn);
    }
  });
});
