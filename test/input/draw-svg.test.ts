import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { colourOf, outlinesOf, placeTags } from '../../src/input/boxes/annotation.ts';
import { escapeXml, regionsToSvg } from '../../src/input/boxes/draw-svg.ts';
import { loadFont } from '../../src/input/boxes/font.ts';
import type { Region } from '../../src/input/boxes/grounding.ts';
import { printable } from '../../src/input/boxes/label.ts';
import type { Picture } from '../../src/input/picture/picture.ts';
import { openPicture } from '../../src/input/picture/picture-source.ts';

const picture: Picture = {
  width: 120,
  height: 90,
  data: Uint8Array.from({ length: 120 * 90 * 3 }, (_, i) => (i * 7) % 256),
};

const unescaped = (text: string) => text.replace(/&#(\d+);/g, (_, code) => String.fromCharCode(Number(code)));

/** All that these files may hold, and no more: neither scripts, styles, links nor references to other files. */
const element =
  /<(\/?)(svg|image|g|title|path|rect)((?: (?:xmlns|width|height|viewBox|href|d|fill|stroke|stroke-width|x|y)="[^"<&]*")*)(\/?)>/y;

/** Reads an SVG as strictly as XML does, and by the list above. */
function readSvg(svg: string): { name: string; attributes: string; text: string }[] {
  const elements: { name: string; attributes: string; text: string }[] = [];
  const open: string[] = [];
  for (let at = 0; at < svg.length; ) {
    element.lastIndex = at;
    const match = element.exec(svg);
    expect(match, svg.slice(at, at + 80)).not.toBeNull();
    const [spelling, closes, name, attributes, empty] = match!;
    if (closes) expect(open.pop()).toBe(name);
    else {
      if (!empty) open.push(name);
      elements.push({ name, attributes, text: '' });
    }
    at += spelling.length;
    const text = /^[^<]*/.exec(svg.slice(at))![0];
    expect(text).toMatch(/^(?:[^&]|&#\d+;)*$/u);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what XML forbids
    expect(text).not.toMatch(/[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]|\p{Cs}/u);
    if (open.at(-1) === 'title') elements.at(-1)!.text += text;
    else expect(text.trim()).toBe('');
    at += text.length;
  }
  expect(open).toEqual([]);
  return elements;
}

const region = (ref: string | null): Region => ({ ref, shapes: [[[100, 300], [800, 900]], [[0, 0], [999, 0], [999, 999], [0, 999]]] }); // biome-ignore format: a box and a quadrilateral

test('any text survives escaping, but for what XML cannot say', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const escaped = escapeXml(text);
      expect(escaped).not.toMatch(/[<>"']|&(?!#\d+;)/);
      expect(escapeXml(unescaped(escaped))).toBe(escaped);
      // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what XML forbids
      if (!/[\0-\x1f\ufffe\uffff]|\p{Cs}/u.test(text)) expect(unescaped(escaped)).toBe(text);
    }),
  );
});

test('holds the picture, every shape, and the names as titles and outlines, whatever they are', async () => {
  const hostile = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.constantFrom(
      '</title><script>alert(1)</script>',
      '"/><image href="http://a/"/>',
      "' onload='x()",
      ']]>',
      '<!--',
      '&xxe;',
      '\0',
    ),
  );
  const property = fc.asyncProperty(fc.array(fc.option(hostile), { maxLength: 4 }), async (names) => {
    const regions = names.map(region);
    const elements = readSvg(await regionsToSvg(picture, regions));
    const titles = names.flatMap((name) => (name ? [printable(name), printable(name)] : []));
    const found = elements.filter(({ name }) => name === 'title').map(({ text }) => unescaped(text));
    expect(found).toEqual(titles.map((title) => unescaped(escapeXml(title))));
    expect(elements.filter(({ name }) => name === 'g')).toHaveLength(2 * names.length);
    const tags = placeTags(picture, outlinesOf(regions, picture), await loadFont());
    expect(elements.filter(({ name }) => name === 'rect')).toHaveLength(tags.length);
    expect(elements.filter(({ name }) => name === 'path')).toHaveLength(4 * names.length + tags.length);
    for (const { attributes } of elements) {
      expect(attributes.replace(' xmlns="http://www.w3.org/2000/svg"', '')).not.toMatch(/:(?!image\/png;base64,)/);
      expect(attributes).not.toMatch(/NaN|Infinity|undefined/);
    }
  });
  await fc.assert(property, { numRuns: 100 });
});

test('the picture inside is the picture, and the colours and lines are those of the PNG', async () => {
  const elements = readSvg(await regionsToSvg(picture, [region('a'), region('b'), region('a')]));
  const [, dataUrl] = /href="([^"]*)"/.exec(elements.find(({ name }) => name === 'image')!.attributes)!;
  expect(await openPicture({ dataUrl })).toEqual(picture);
  const strokes = elements.flatMap(({ attributes }) => / stroke="(#\w+)" stroke-width="2"/.exec(attributes)?.[1] ?? []);
  const [a, b] = [0, 1].map((number) => `#${Buffer.from(colourOf(number).colour).toString('hex')}`);
  expect(strokes).toEqual([a, a, b, b, a, a]);
  expect(elements[4].attributes).toContain(' d="M12,27L96,27L96,81L12,81Z"');
});
