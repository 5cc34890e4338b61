/** A label's text as outlines. */
import type { Contour, ContourPoint, Font, Glyph } from './font.ts';

/** A line of text: its contours lie between x = 0 and its width, the baseline at y = 0, y down. */
export interface TextLine {
  readonly width: number;
  readonly contours: readonly Contour[];
}

/** Longer names are cut: no picture has room for more, and a name may be a megabyte. */
const longestLabel = 200;

/** A name as one line of printable characters: what is unprintable, joins, or changes the direction of writing is gone. */
export function printable(name: string): string {
  return name
    .slice(0, 4 * longestLabel)
    .normalize('NFC')
    .replace(/\p{Cs}/gu, '\ufffd')
    .replace(/[\p{Cf}\p{M}]/gu, '')
    .replace(/[\s\p{Cc}]+/gu, ' ')
    .trimStart()
    .slice(0, longestLabel)
    .replace(/[\ud800-\udbff]$/, '')
    .trimEnd();
}

/**
 * Writes a line of text. A character that the font lacks becomes a frame around its code point; what does not fit the
 * width is cut and ends with "…".
 * @param size pixels an em
 * @param room the largest width in pixels
 * @returns an empty line when not even the "…" fits
 */
export function writeLine(font: Font, text: string, size: number, room: number): TextLine {
  const glyphs = Array.from(text, (character) => {
    const code = character.codePointAt(0)!;
    return font.glyph(code) ?? framedCode(font, code);
  });
  const width = (line: readonly Glyph[]) => line.reduce((sum, { advance }) => sum + advance * size, 0);
  const ellipsis = font.glyph(0x2026)!;
  if (width(glyphs) > room) {
    while (glyphs.length > 0 && width([...glyphs, ellipsis]) > room) glyphs.pop();
    glyphs.push(ellipsis);
    if (width(glyphs) > room) return { width: 0, contours: [] };
  }
  let x = 0;
  const contours = glyphs.flatMap(({ advance, contours }) => {
    const placed = moved(contours, size, x, 0);
    x += advance * size;
    return placed;
  });
  return { width: x, contours };
}

/** A frame around a code point's hexadecimal digits. */
function framedCode(font: Font, code: number): Glyph {
  const [size, thickness, margin] = [0.66, 0.06, 0.08];
  const [left, top, bottom] = [0.06, -0.86, 0.1];
  let x = left + thickness + margin;
  const digits = Array.from(code.toString(16).toUpperCase().padStart(4, '0'), (digit) => {
    const { advance, contours } = font.glyph(digit.charCodeAt(0))!;
    const placed = moved(contours, size, x, -0.14);
    x += advance * size;
    return placed;
  });
  const right = x + margin + thickness;
  const outer = rectangle(left, top, right, bottom);
  const inner = rectangle(left + thickness, top + thickness, right - thickness, bottom - thickness);
  return { advance: right + left, contours: [outer, inner.reverse(), ...digits.flat()] }; // turned round, it is a hole
}

function rectangle(left: number, top: number, right: number, bottom: number): ContourPoint[] {
  const corners = [
    [left, top],
    [right, top],
    [right, bottom],
    [left, bottom],
  ];
  return corners.map(([x, y]) => ({ x, y, on: true }));
}

/** Contours scaled by `scale`, then moved. */
export function moved(contours: readonly Contour[], scale: number, x: number, y: number): Contour[] {
  return contours.map((contour) =>
    contour.map((point) => ({ x: point.x * scale + x, y: point.y * scale + y, on: point.on })),
  );
}
