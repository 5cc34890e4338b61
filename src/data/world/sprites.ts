/** What scenes are composed of: each drawing once as pixels, in halving sizes, and its outline. */
import { readFile } from 'node:fs/promises';
import { InputError } from '../../error.ts';
import { loadFont } from '../../input/boxes/font.ts';
import { moved, writeLine } from '../../input/boxes/label.ts';
import { fillContours } from '../../input/boxes/raster.ts';
import { outlined } from './outlined.ts';
import { type Level, opaqueBox, type Sprite, spriteOf } from './sprite.ts';
import { SHAPES, THINGS } from './things.ts';

/** The drawing sets that are trained on, and the one that never is. */
export const STYLES = ['noto', 'fluent-emoji-flat', 'twemoji'] as const;
export const UNSEEN_STYLE = 'openmoji';
export const ALL_STYLES = [...STYLES, UNSEEN_STYLE] as const;
export type Style = (typeof ALL_STYLES)[number];

export interface Sprites {
  /** Of every style, of every thing in the order of THINGS: as the set draws it, and with dark outlines. */
  readonly things: Readonly<Record<Style, readonly { readonly plain: Sprite; readonly outlined: Sprite }[]>>;
  /** In the order of SHAPES: white, to be coloured. */
  readonly shapes: readonly Sprite[];
  /** Of each character: white. */
  glyph(character: string): Glyph;
}

export interface Glyph {
  readonly sprite: Sprite;
  /** In em: the sprite's middle from the start of the baseline, and the length of its longer side. */
  readonly middle: readonly [x: number, y: number];
  readonly side: number;
  readonly advance: number;
}

/** Pixels of a sprite's longer side, before it is halved: a thing is seldom larger in a picture. */
const SIDE = 96;

/** A drawing set as drawings/make.mjs writes it. */
interface DrawingSet {
  readonly side: number;
  readonly drawings: Readonly<Record<string, string>>;
}

let loading: Promise<Sprites> | undefined;

/**
 * Draws everything once, when it is first asked for (about half a second).
 *
 * @throws InputError where the package that draws SVG is not installed
 */
export function loadSprites(): Promise<Sprites> {
  loading ??= drawAll();
  return loading;
}

async function drawAll(): Promise<Sprites> {
  const { Resvg } = await import('@resvg/resvg-js').catch((cause: unknown) => {
    const found = 'it is not installed, and without it no things are drawn';
    throw new InputError('@resvg/resvg-js', found, 'install the development packages too: npm install', { cause });
  });
  const draw = (body: string, side: number): Level => {
    const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${side} ${side}">${body}</svg>`;
    const image = new Resvg(svg, { fitTo: { mode: 'width', value: SIDE }, font: { loadSystemFonts: false } }).render();
    return { width: image.width, height: image.height, data: new Uint8Array(image.pixels) };
  };
  const setOf = async (style: Style) => {
    const text = await readFile(new URL(`drawings/${style}.json`, import.meta.url), 'utf8');
    const { side, drawings } = JSON.parse(text) as DrawingSet; // a file of ours
    return THINGS.map(({ slug }) => {
      const drawing = draw(drawings[slug], side);
      return { plain: spriteOf(drawing), outlined: spriteOf(outlined(drawing)) };
    });
  };
  const shapes = SHAPES.map(({ corners }) => {
    const points = corners.map(([x, y]) => `${x},${y}`).join(' ');
    const shape = corners.length === 0 ? '<circle r="0.5"/>' : `<polygon points="${points}"/>`;
    return spriteOf(draw(`<g fill="#fff" transform="translate(0.5 0.5)">${shape}</g>`, 1));
  });
  const things = {
    noto: await setOf('noto'),
    'fluent-emoji-flat': await setOf('fluent-emoji-flat'),
    twemoji: await setOf('twemoji'),
    openmoji: await setOf('openmoji'),
  };
  return { things, shapes, glyph: await glyphs() };
}

/** Glyphs of the font that labels are written in, drawn when they are first asked for. */
async function glyphs(): Promise<Sprites['glyph']> {
  const font = await loadFont();
  const em = 64;
  const drawn = new Map<string, Glyph>();
  return (character) => {
    const known = drawn.get(character);
    if (known) return known;
    const { width, contours } = writeLine(font, character, em, 8 * em);
    const picture = { width: 2 * em, height: 2 * em, data: new Uint8Array(12 * em * em) };
    fillContours(picture, moved(contours, 1, em / 2, 1.5 * em), [255, 255, 255]);
    const data = Uint8Array.from({ length: 16 * em * em }, (_, i) => picture.data[(i >> 2) * 3]);
    const box = opaqueBox({ width: 2 * em, height: 2 * em, data });
    const glyph = {
      sprite: spriteOf({ width: 2 * em, height: 2 * em, data }),
      middle: [(box.left + box.width / 2 - em / 2) / em, (box.top + box.height / 2 - 1.5 * em) / em] as const,
      side: Math.max(box.width, box.height) / em,
      advance: width / em,
    };
    drawn.set(character, glyph);
    return glyph;
  };
}
