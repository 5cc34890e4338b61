// Makes glyphs.bin from Noto Sans SC Medium. To run it again, in an empty folder:
//   npm install opentype.js@2.0.0 @expo-google-fonts/noto-sans-sc@0.4.3
//   node …/src/input/label-font/make.mjs "$PWD"
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { deflateSync } from 'node:zlib';

const require = createRequire(join(process.argv[2], 'from-here.js'));
const opentype = require('opentype.js');
const file = readFileSync(require.resolve('@expo-google-fonts/noto-sans-sc/500Medium/NotoSansSC_500Medium.ttf'));
const font = opentype.parse(file.buffer.slice(file.byteOffset, file.byteOffset + file.length));

/** Units an em: at the usual 14 to 40 pixels an em, rounding to them moves nothing by more than a sixth of a pixel. */
const UNITS = 128;

/** The characters of a two-byte encoding, read off its decoder. */
function charactersOf(encoding, firsts, seconds) {
  const decoder = new TextDecoder(encoding);
  const texts = firsts.flatMap((first) => seconds.map((second) => decoder.decode(Uint8Array.of(first, second))));
  return texts.filter((text) => text.length === 1 && text !== '\ufffd').map((text) => text.charCodeAt(0));
}
const range = (from, to) => Array.from({ length: to - from + 1 }, (_, i) => from + i);

const wanted = new Set([
  ...range(0x20, 0x33ff), // Latin, Greek, Cyrillic, punctuation, symbols, kana
  ...range(0xff01, 0xffee), // full-width forms
  ...charactersOf('gb18030', range(0xa1, 0xf7), range(0xa1, 0xfe)), // GB 2312: simplified Chinese
  ...charactersOf('big5', range(0xa4, 0xc6), [...range(0x40, 0x7e), ...range(0xa1, 0xfe)]), // Big5, frequent: traditional
  ...charactersOf('euc-jp', range(0xb0, 0xcf), range(0xa1, 0xfe)), // JIS X 0208, level 1: Japanese
]);
const index = font.tables.cmap.glyphIndexMap;
const scaled = (value) => Math.round((value * UNITS) / font.unitsPerEm);

/** Advance and points of a character, y down. */
function glyphOf(code) {
  const glyph = font.glyphs.get(index[code]);
  const outline = glyph.path && glyph.points; // the path is parsed first, and with it the points
  if (glyph.isComposite) throw new Error(`U+${code.toString(16)} is composed of others`);
  const points = (outline ?? []).map(({ x, y, onCurve, lastPointOfContour }) => {
    return { x: scaled(x), y: -scaled(y), flags: (onCurve ? 1 : 0) | (lastPointOfContour ? 2 : 0) };
  });
  return { code, advance: scaled(glyph.advanceWidth), points };
}

// Steps are kept modulo 256, because coordinates lie within these bounds. (The two-em and three-em dashes' do not.)
const fits = ({ points }) => points.every(({ x, y }) => x >= -64 && x < 192 && y >= -160 && y < 96);
const drawable = (code) => index[code] && !/[\p{C}\p{M}]/u.test(String.fromCharCode(code));
const glyphs = [...wanted]
  .filter(drawable)
  .sort((a, b) => a - b)
  .map(glyphOf)
  .filter(fits);
const points = glyphs.flatMap((glyph) => glyph.points);
const steps = (axis) =>
  glyphs.flatMap((glyph) => glyph.points.map((point, i) => (point[axis] - (glyph.points[i - 1]?.[axis] ?? 0)) & 255));

const words = (values) => Buffer.from(Uint16Array.from(values).buffer);
const bytes = Buffer.concat([
  Buffer.from(Uint32Array.of(glyphs.length, points.length).buffer),
  words(glyphs.map(({ code }) => code)),
  words(glyphs.map((glyph) => glyph.points.length)),
  Buffer.from(glyphs.map(({ advance }) => advance)),
  Buffer.from(points.map(({ flags }) => flags)),
  Buffer.from(steps('x')),
  Buffer.from(steps('y')),
]);
const compressed = deflateSync(bytes, { level: 9 });
writeFileSync(new URL('glyphs.bin', import.meta.url), compressed);
console.log(`${glyphs.length} glyphs, ${points.length} points, ${bytes.length} bytes, ${compressed.length} compressed`);
