/** What the model points at, as SVG: the picture embedded, lines and tags as paths above it. */

import { encodeBase64 } from '../picture/base64.ts';
import type { Picture } from '../picture/picture.ts';
import { colourOf, measuresOf, outlinesOf, placeTags } from './annotation.ts';
import { encodePng } from './draw.ts';
import { type Contour, loadFont } from './font.ts';
import type { Region } from './grounding.ts';
import { printable } from './label.ts';
import type { Corner, Rgb } from './raster.ts';

/**
 * An SVG file that needs no font, no script and no other file: letters are outlines, and the names are text only in the
 * titles that a viewer shows beside the pointer and reads aloud.
 */
export async function regionsToSvg(picture: Picture, regions: readonly Region[]): Promise<string> {
  const { width, height } = picture;
  const outlines = outlinesOf(regions, picture);
  const { line, rim } = measuresOf(picture);
  const shapes = outlines.map(({ corners, colour: number, label }) => {
    const { colour, contrast } = colourOf(number);
    const d = `M${corners.map(pair).join('L')}Z`;
    const title = label ? `<title>${escapeXml(printable(label))}</title>` : '';
    const path = (stroke: Rgb, strokeWidth: number) =>
      `<path d="${d}" fill="none" stroke="${hexadecimal(stroke)}" stroke-width="${strokeWidth}"/>`;
    return `<g>${title}${path(contrast, line + 2 * rim)}${path(colour, line)}</g>`;
  });
  const tags = placeTags(picture, outlines, await loadFont()).map(({ x, y, colour, ink, contours, ...tag }) => {
    const back = `<rect x="${x}" y="${y}" width="${tag.width}" height="${tag.height}" fill="${hexadecimal(colour)}"/>`;
    return `${back}<path d="${contours.map(pathOf).join('')}" fill="${hexadecimal(ink)}"/>`;
  });
  return `${[
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">`,
    `<image width="${width}" height="${height}" href="data:image/png;base64,${encodeBase64(encodePng(picture))}"/>`,
    ...shapes,
    ...tags,
    '</svg>',
  ].join('\n')}\n`;
}

/** Text between tags or in an attribute's quotes. Characters that XML 1.0 knows no way to write become "�". */
export function escapeXml(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what XML forbids
  const clean = text.replace(/[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]|\p{Cs}/gu, '\ufffd');
  return clean.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

function pathOf(contour: Contour): string {
  const steps = contour.map(({ x, y, on }, i) => {
    if (i === 0) return `M${pair([x, y])}`;
    if (!on) return `Q${pair([x, y])} `;
    return contour[i - 1].on ? `L${pair([x, y])}` : pair([x, y]);
  });
  // A curve that ends the contour ends where it began.
  return `${steps.join('')}${contour[contour.length - 1].on ? '' : pair([contour[0].x, contour[0].y])}Z`;
}

const pair = ([x, y]: Corner) => `${short(x)},${short(y)}`;
const short = (value: number) => String(Math.round(value * 100) / 100);
const hexadecimal = (colour: Rgb) => `#${colour.map((byte) => byte.toString(16).padStart(2, '0')).join('')}`;
