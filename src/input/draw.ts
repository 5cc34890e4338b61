/** What the model points at, drawn onto the picture. */
import { encode } from 'fast-png';
import type { Picture } from './image.ts';

/** A closed line: a box's or a quadrilateral's. */
export interface Outline {
  /** In pixels, x to the right and y down, in drawing order. What lies outside the picture is not drawn. */
  corners: (readonly [x: number, y: number])[];
  /** Which colour of the palette, counted round. */
  colour: number;
}

type Rgb = readonly [red: number, green: number, blue: number];

/** The corners of the box between its top left and its bottom right. */
export function boxCorners(x1: number, y1: number, x2: number, y2: number): Outline['corners'] {
  return [
    [x1, y1],
    [x2, y1],
    [x2, y2],
    [x1, y2],
  ];
}

/** Far apart in hue and lightness, and told apart in the common kinds of colour blindness. */
export const palette: readonly Rgb[] = [
  [230, 25, 40],
  [0, 120, 255],
  [255, 215, 0],
  [0, 165, 110],
  [255, 110, 200],
  [110, 220, 255],
  [255, 130, 0],
  [120, 50, 200],
];

/**
 * Draws outlines on a copy of a picture. The lines grow with the picture, and each has a thin black or white rim, so that
 * it shows on a background of its own colour too.
 */
export function drawOutlines(picture: Picture, outlines: readonly Outline[]): Picture {
  const result = { ...picture, data: picture.data.slice() };
  const width = Math.max(2, Math.round(Math.max(picture.width, picture.height) / 200));
  const rim = Math.max(1, Math.round(width / 4));
  for (const { corners, colour } of outlines) {
    const index = ((Math.trunc(colour) % palette.length) + palette.length) % palette.length;
    drawClosedLine(result, corners, width + 2 * rim, contrastTo(palette[index]));
    drawClosedLine(result, corners, width, palette[index]);
  }
  return result;
}

/** The picture as the bytes of a PNG file. */
export function encodePng({ width, height, data }: Picture): Uint8Array {
  return encode({ width, height, data, depth: 8, channels: 3 });
}

/** Black on bright colours and white on dark ones, by their luma (ITU-R BT.601). */
function contrastTo([red, green, blue]: Rgb): Rgb {
  return 0.299 * red + 0.587 * green + 0.114 * blue > 128 ? [0, 0, 0] : [255, 255, 255];
}

function drawClosedLine(picture: Picture, corners: Outline['corners'], width: number, colour: Rgb): void {
  for (const [i, [x1, y1]] of corners.entries()) {
    const [x2, y2] = corners[(i + 1) % corners.length];
    drawLine(picture, x1, y1, x2, y2, width, colour);
    fill(picture, x1 - width / 2, y1 - width / 2, x1 + width / 2, y1 + width / 2, colour);
  }
}

/** A thick line as a row of bars across it, one for each pixel along the longer axis: no work is done off the picture. */
function drawLine(picture: Picture, x1: number, y1: number, x2: number, y2: number, width: number, colour: Rgb): void {
  const [dx, dy] = [x2 - x1, y2 - y1];
  const steep = Math.abs(dy) > Math.abs(dx);
  const longer = steep ? dy : dx;
  if (longer === 0) return;
  // Half a bar: a slanted line is cut along an axis, so it is longer than half the width.
  const reach = (width * Math.hypot(dx, dy)) / Math.abs(longer) / 2;
  const limit = steep ? picture.height : picture.width;
  const from = Math.max(0, Math.floor(steep ? Math.min(y1, y2) : Math.min(x1, x2)));
  const to = Math.min(limit, Math.ceil(steep ? Math.max(y1, y2) : Math.max(x1, x2)));
  for (let at = from; at < to; at++) {
    const along = (at + 0.5 - (steep ? y1 : x1)) / longer;
    const centre = steep ? x1 + along * dx : y1 + along * dy;
    if (steep) fill(picture, centre - reach, at, centre + reach, at + 1, colour);
    else fill(picture, at, centre - reach, at + 1, centre + reach, colour);
  }
}

/** Fills the pixels whose centres lie in a rectangle, as far as they are in the picture. */
function fill(picture: Picture, x1: number, y1: number, x2: number, y2: number, colour: Rgb): void {
  const [left, right] = [Math.max(0, Math.round(x1)), Math.min(picture.width, Math.round(x2))];
  const [top, bottom] = [Math.max(0, Math.round(y1)), Math.min(picture.height, Math.round(y2))];
  for (let y = top; y < bottom; y++) {
    for (let x = left; x < right; x++) picture.data.set(colour, (y * picture.width + x) * 3);
  }
}
