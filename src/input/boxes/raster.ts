/** Lines, rectangles and filled outlines in the pixels of a picture. What lies off the picture costs nothing. */

import type { Picture } from '../picture/picture.ts';
import type { Contour } from './font.ts';

export type Rgb = readonly [red: number, green: number, blue: number];
export type Corner = readonly [x: number, y: number];

/** A closed line with square corners. */
export function drawClosedLine(picture: Picture, corners: readonly Corner[], width: number, colour: Rgb): void {
  for (const [i, [x1, y1]] of corners.entries()) {
    const [x2, y2] = corners[(i + 1) % corners.length];
    drawLine(picture, x1, y1, x2, y2, width, colour);
    fillRectangle(picture, x1 - width / 2, y1 - width / 2, x1 + width / 2, y1 + width / 2, colour);
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
    if (steep) fillRectangle(picture, centre - reach, at, centre + reach, at + 1, colour);
    else fillRectangle(picture, at, centre - reach, at + 1, centre + reach, colour);
  }
}

/** Fills the pixels whose centres lie in a rectangle, as far as they are in the picture. */
export function fillRectangle(picture: Picture, x1: number, y1: number, x2: number, y2: number, colour: Rgb): void {
  const [left, right] = [Math.max(0, Math.round(x1)), Math.min(picture.width, Math.round(x2))];
  const [top, bottom] = [Math.max(0, Math.round(y1)), Math.min(picture.height, Math.round(y2))];
  for (let y = top; y < bottom; y++) {
    for (let x = left; x < right; x++) picture.data.set(colour, (y * picture.width + x) * 3);
  }
}

/** A curve is cut into lines that stay this close to it, in pixels. */
const flatness = 0.05;

/**
 * Fills contours, antialiased: a pixel takes as much of the colour as its area is covered. A hole is a contour that turns
 * the other way.
 *
 * Each edge covers what lies to its right, downward edges counted positively. So a row's coverage is the running sum of
 * small differences that the edges leave where they cross it.
 */
export function fillContours(picture: Picture, contours: readonly Contour[], colour: Rgb): void {
  const points = contours.flat();
  const bound = (value: number, limit: number) => Math.min(limit, Math.max(0, value));
  const left = Math.floor(bound(Math.min(...points.map(({ x }) => x)), picture.width));
  const top = Math.floor(bound(Math.min(...points.map(({ y }) => y)), picture.height));
  const width = Math.ceil(bound(Math.max(...points.map(({ x }) => x)), picture.width)) - left;
  const height = Math.ceil(bound(Math.max(...points.map(({ y }) => y)), picture.height)) - top;
  if (!(width > 0 && height > 0)) return;

  const stride = width + 2;
  const differences = new Float64Array(stride * height);
  for (const contour of contours) {
    for (const [x1, y1, x2, y2] of linesOf(contour)) {
      addEdge(differences, stride, height, x1 - left, y1 - top, x2 - left, y2 - top);
    }
  }
  for (let y = 0; y < height; y++) {
    let winding = 0;
    for (let x = 0; x < width; x++) {
      winding += differences[y * stride + x];
      const coverage = Math.min(1, Math.abs(winding));
      if (coverage < 1 / 512) continue;
      const at = ((top + y) * picture.width + left + x) * 3;
      for (let channel = 0; channel < 3; channel++) {
        const below = picture.data[at + channel];
        picture.data[at + channel] = Math.round(below + (colour[channel] - below) * coverage);
      }
    }
  }
}

/**
 * Adds an edge to the differences of each row that it crosses. Where it runs from x₁ to x₂ within a row, the mean width of
 * what lies between it and t is H(t) = (t − x₁)² / 2(x₂ − x₁) on the way and t − (x₁ + x₂) / 2 beyond; pixel i is covered
 * by H(i + 1) − H(i), and the difference of that is what is added.
 */
function addEdge(
  differences: Float64Array,
  stride: number,
  height: number,
  x1: number,
  y1: number,
  x2: number,
  y2: number,
): void {
  if (y1 === y2) return;
  const [upper, lower] = [Math.min(y1, y2), Math.max(y1, y2)];
  const xAt = (y: number) => Math.min(stride - 2, Math.max(0, x1 + ((y - y1) / (y2 - y1)) * (x2 - x1)));
  for (let row = Math.max(0, Math.floor(upper)); row < Math.min(height, lower); row++) {
    const [from, to] = [Math.max(upper, row), Math.min(lower, row + 1)];
    if (from >= to) continue;
    const [xFrom, xTo] = [xAt(from), xAt(to)];
    const [first, last] = [Math.min(xFrom, xTo), Math.max(xFrom, xTo)];
    const H = (t: number) => {
      if (t <= first) return 0;
      return t >= last ? t - (first + last) / 2 : (t - first) ** 2 / (2 * (last - first));
    };
    const rise = y2 > y1 ? to - from : from - to;
    for (let i = Math.floor(first); i <= Math.floor(last) + 1 && i < stride; i++) {
      differences[row * stride + i] += rise * (H(i + 1) - 2 * H(i) + H(i - 1));
    }
  }
}

/** The lines of a contour, its curves cut into as many as keep them flat: n of them err by |p₀ − 2p₁ + p₂| / 4n². */
function* linesOf(contour: Contour): Generator<[x1: number, y1: number, x2: number, y2: number]> {
  for (let i = 0; i < contour.length; i++) {
    const [start, next, afterNext] = [0, 1, 2].map((step) => contour[(i + step) % contour.length]);
    if (!start.on) continue;
    if (next.on) {
      yield [start.x, start.y, next.x, next.y];
      continue;
    }
    const bend = Math.hypot(start.x - 2 * next.x + afterNext.x, start.y - 2 * next.y + afterNext.y);
    const pieces = Math.min(64, Math.max(1, Math.ceil(Math.sqrt(bend / (4 * flatness)))));
    const at = (t: number): [number, number] => [
      (1 - t) ** 2 * start.x + 2 * t * (1 - t) * next.x + t ** 2 * afterNext.x,
      (1 - t) ** 2 * start.y + 2 * t * (1 - t) * next.y + t ** 2 * afterNext.y,
    ];
    for (let piece = 0; piece < pieces; piece++) yield [...at(piece / pieces), ...at((piece + 1) / pieces)];
  }
}
