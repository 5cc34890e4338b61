/** What the model points at, drawn onto the picture. */
import { encode } from 'fast-png';
import type { Picture } from '../picture/picture.ts';
import { colourOf, measuresOf, type Outline, outlinesOf, placeTags } from './annotation.ts';
import { type Font, loadFont } from './font.ts';
import type { Region } from './grounding.ts';
import { drawClosedLine, fillContours, fillRectangle } from './raster.ts';

/** Draws an answer's regions on a copy of the picture, each phrase in one colour and with its name. */
export async function drawRegions(picture: Picture, regions: readonly Region[]): Promise<Picture> {
  return drawOutlines(picture, outlinesOf(regions, picture), await loadFont());
}

/**
 * Draws outlines on a copy of a picture. The lines grow with the picture, and each has a thin black or white rim, so that
 * it shows on a background of its own colour too.
 * @param font what labels are written with; without one, none is
 */
export function drawOutlines(picture: Picture, outlines: readonly Outline[], font?: Font): Picture {
  const result = { ...picture, data: picture.data.slice() };
  const { line, rim } = measuresOf(picture);
  for (const { corners, colour: number } of outlines) {
    const { colour, contrast } = colourOf(number);
    drawClosedLine(result, corners, line + 2 * rim, contrast);
    drawClosedLine(result, corners, line, colour);
  }
  for (const { x, y, width, height, colour, ink, contours } of font ? placeTags(picture, outlines, font) : []) {
    fillRectangle(result, x, y, x + width, y + height, colour);
    fillContours(result, contours, ink);
  }
  return result;
}

/** The picture as the bytes of a PNG file. */
export function encodePng({ width, height, data }: Picture): Uint8Array {
  return encode({ width, height, data, depth: 8, channels: 3 });
}
