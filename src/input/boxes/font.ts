/** The outlines that labels are written with, from label-font/glyphs.bin: its README says what that file holds. */

import { inNode } from '../../../tensor/node.ts';
import { inflate } from '../picture/decode-png-inflate.ts';

/** A point of a contour. Between two that are on the curve is a line; one off it controls a quadratic curve. */
export interface ContourPoint {
  readonly x: number;
  readonly y: number;
  readonly on: boolean;
}

/** A closed line: it starts on the curve, and no two points off the curve follow each other. */
export type Contour = readonly ContourPoint[];

/** In em, y down, the baseline at 0. */
export interface Glyph {
  readonly advance: number;
  readonly contours: readonly Contour[];
}

export interface Font {
  /** The glyph of a character, if the font has it. */
  glyph(codePoint: number): Glyph | undefined;
}

let loading: Promise<Font> | undefined;

/** The font, read once, when it is first asked for (about 40 ms). A failure is not kept: the next call tries again. */
export function loadFont(): Promise<Font> {
  loading ??= readGlyphs()
    .then(parseFont)
    .catch((error: unknown) => {
      loading = undefined;
      throw error;
    });
  return loading;
}

/** In a page the file is fetched; Node's `fetch` reads no files. */
async function readGlyphs(): Promise<Uint8Array<ArrayBuffer>> {
  const url = new URL('./label-font/glyphs.bin', import.meta.url);
  if (inNode) {
    const { readFile } = await import('node:fs/promises');
    return new Uint8Array(await readFile(url));
  }
  return new Uint8Array(await (await fetch(url)).arrayBuffer());
}

const unitsPerEm = 128;

/** @throws Error when the data are cut or damaged */
export async function parseFont(compressed: Uint8Array<ArrayBuffer>): Promise<Font> {
  const inflated = inflate([compressed]);
  const words = async (count: number) => {
    const view = new DataView((await inflated.fill(2 * count)).buffer);
    return Uint16Array.from({ length: count }, (_, i) => view.getUint16(2 * i, true));
  };
  const [glyphs, glyphsHigh, points, pointsHigh] = await words(4);
  const [glyphCount, pointCount] = [glyphs + glyphsHigh * 65536, points + pointsHigh * 65536];
  const codes = await words(glyphCount);
  const counts = await words(glyphCount);
  const advances = await inflated.fill(glyphCount);
  const flags = await inflated.fill(pointCount);
  const stepsX = await inflated.fill(pointCount);
  const stepsY = await inflated.fill(pointCount);

  const places = new Map<number, { index: number; start: number }>();
  let start = 0;
  for (let index = 0; index < glyphCount; index++) {
    places.set(codes[index], { index, start });
    start += counts[index];
  }

  function glyph(codePoint: number): Glyph | undefined {
    const place = places.get(codePoint);
    if (!place) return undefined;
    const contours: Contour[] = [];
    let contour: ContourPoint[] = [];
    let [x, y] = [0, 0];
    for (let i = place.start; i < place.start + counts[place.index]; i++) {
      // Steps are modulo 256: back into the bounds that coordinates keep.
      x = ((x + stepsX[i] + 64) & 255) - 64;
      y = ((y + stepsY[i] + 160) & 255) - 160;
      contour.push({ x: x / unitsPerEm, y: y / unitsPerEm, on: (flags[i] & 1) !== 0 });
      if (flags[i] & 2) {
        contours.push(withImpliedPoints(contour));
        contour = [];
      }
    }
    return { advance: advances[place.index] / unitsPerEm, contours };
  }
  return { glyph };
}

/** TrueType leaves out a point of the curve that lies halfway between two off it. */
function withImpliedPoints(points: readonly ContourPoint[]): Contour {
  const full = points.flatMap((point, i) => {
    const next = points[(i + 1) % points.length];
    if (point.on || next.on) return [point];
    return [point, { x: (point.x + next.x) / 2, y: (point.y + next.y) / 2, on: true }];
  });
  const first = full.findIndex(({ on }) => on);
  return [...full.slice(first), ...full.slice(0, first)];
}
