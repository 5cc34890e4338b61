/** What the model points at, laid out on a picture: which lines, in which colours, with which tags where. */

import type { Size } from '../picture/picture.ts';
import type { Contour, Font } from './font.ts';
import { type Region, type Shape, shapeToPixels } from './grounding.ts';
import { moved, printable, writeLine } from './label.ts';
import type { Corner, Rgb } from './raster.ts';

/** A closed line: a box's or a quadrilateral's. */
export interface Outline {
  /** In pixels, x to the right and y down, in drawing order. What lies outside the picture is not drawn. */
  readonly corners: readonly Corner[];
  /** Which colour of the palette, counted round. */
  readonly colour: number;
  /** What its tag says; without one it has no tag. */
  readonly label?: string | null;
}

/** A filled rectangle of whole pixels, inside the picture, with a line of text. */
export interface Tag {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  readonly colour: Rgb;
  /** Black or white. */
  readonly ink: Rgb;
  readonly contours: readonly Contour[];
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

/** The colour of that number, counted round, and the black or white that shows on it (luma by ITU-R BT.601). */
export function colourOf(number: number): { colour: Rgb; contrast: Rgb } {
  const colour = palette[((Math.trunc(number) % palette.length) + palette.length) % palette.length];
  const [red, green, blue] = colour;
  return { colour, contrast: 0.299 * red + 0.587 * green + 0.114 * blue > 128 ? [0, 0, 0] : [255, 255, 255] };
}

/** Lines and letters grow with the picture: the width of a line, that of its rim, and the em of labels, in pixels. */
export function measuresOf({ width, height }: Size): { line: number; rim: number; em: number } {
  const longer = Math.max(width, height);
  const line = Math.max(2, Math.round(longer / 200));
  // In a small picture the tag still leaves most of it free.
  const em = Math.min(Math.max(13, Math.round(longer / 32)), Math.floor(height / 4));
  return { line, rim: Math.max(1, Math.round(line / 4)), em };
}

/** An answer's regions on a picture of that size. A phrase has one colour wherever it occurs, a nameless region its own. */
export function outlinesOf(regions: readonly Region[], { width, height }: Size): Outline[] {
  const numbers = new Map<string, number>();
  let next = 0;
  return regions.flatMap(({ ref: label, shapes }) => {
    const colour = (label === null ? undefined : numbers.get(label)) ?? next++;
    if (label !== null) numbers.set(label, colour);
    return shapes.map((shape): Outline => ({ corners: cornersOf(shapeToPixels(shape, width, height)), colour, label }));
  });
}

function cornersOf(shape: Shape): readonly Corner[] {
  return shape.length === 2 ? boxCorners(...shape[0], ...shape[1]) : shape;
}

/** The corners of the box between its top left and its bottom right. */
export function boxCorners(x1: number, y1: number, x2: number, y2: number): Corner[] {
  return [
    [x1, y1],
    [x2, y1],
    [x2, y2],
    [x1, y2],
  ];
}

/** Smaller letters cannot be read. */
const SMALLEST_EM = 6;

/**
 * One tag for each labelled outline that touches the picture: above its top left corner, or where it is less in the way.
 * Every tag lies inside the picture.
 */
export function placeTags(size: Size, outlines: readonly Outline[], font: Font): Tag[] {
  const { line, rim, em } = measuresOf(size);
  if (em < SMALLEST_EM) return [];
  const padding = Math.round(em * 0.3);
  const height = Math.round(em * 1.5); // room for two accents above a capital, and for descenders
  const tags: Tag[] = [];
  const shapes = outlines.map(({ corners }) => boundsOf(corners, line / 2 + rim, size));
  for (const [i, outline] of outlines.entries()) {
    const text = printable(outline.label ?? '');
    const named = shapes[i];
    if (!text || !hasArea(named)) continue;
    const written = writeLine(font, text, em, size.width - 2 * padding);
    if (written.width === 0) continue;
    const width = Math.min(size.width, Math.ceil(written.width) + 2 * padding);
    const [left, top, right, bottom] = [named.x, named.y, named.x + named.width, named.y + named.height];
    const places = [
      [left, top - height],
      [left, bottom],
      [right - width, top - height],
      [right - width, bottom],
      [left, top],
      [right - width, top],
      [right, top],
      [left - width, top],
    ].map(([x, y]) => ({ x: within(x, size.width - width), y: within(y, size.height - height), width, height }));
    const others = shapes.filter((shape) => shape !== named && hasArea(shape));
    const costs = places.map((place) => costOf(place, named, others, tags));
    const place = places[costs.indexOf(Math.min(...costs))];
    const { colour, contrast } = colourOf(outline.colour);
    const baseline = place.y + Math.round((height + em * 0.76) / 2); // between the ideographs' top and foot
    tags.push({ ...place, colour, ink: contrast, contours: moved(written.contours, 1, place.x + padding, baseline) });
  }
  return tags;
}

/**
 * What is wrong with a tag's place: how much of it another tag shares, which would be unreadable; how much it hides of what
 * it names; and, which is the least harm, how much of it lies on another shape, so that it seems to name that.
 */
function costOf(place: Rectangle, named: Rectangle, others: Rectangle[], tags: Tag[]): number {
  const area = place.width * place.height;
  const hidden = overlap(place, named) / (named.width * named.height);
  const onTags = tags.reduce((sum, tag) => sum + overlap(place, tag), 0) / area;
  const onOthers = others.reduce((most, other) => Math.max(most, overlap(place, other)), 0) / area;
  return 4 * onTags + hidden + 0.3 * onOthers;
}

/** The whole pixels of the picture that a shape and its line span. */
function boundsOf(corners: readonly Corner[], margin: number, { width, height }: Size): Rectangle {
  const [xs, ys] = [corners.map(([x]) => x), corners.map(([, y]) => y)];
  const [x, right] = [within(Math.min(...xs) - margin, width), within(Math.max(...xs) + margin, width)];
  const [y, bottom] = [within(Math.min(...ys) - margin, height), within(Math.max(...ys) + margin, height)];
  return { x, y, width: right - x, height: bottom - y };
}

const within = (value: number, most: number) => Math.min(Math.max(0, Math.round(value)), most);

type Rectangle = Pick<Tag, 'x' | 'y' | 'width' | 'height'>;

/** Not so for shapes off the picture, without corners, or with what is no number. */
const hasArea = ({ width, height }: Rectangle) => width > 0 && height > 0;

function overlap(a: Rectangle, b: Rectangle): number {
  const across = Math.min(a.x + a.width, b.x + b.width) - Math.max(a.x, b.x);
  const down = Math.min(a.y + a.height, b.y + b.height) - Math.max(a.y, b.y);
  return Math.max(0, across) * Math.max(0, down);
}
