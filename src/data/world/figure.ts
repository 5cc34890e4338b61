/** Items at their size and angle, and places for them. */
import type { Random } from '../random.ts';
import { after, apply, boundsOf, type Place, shift, turn } from './affine.ts';
import { nearTo, type Tint, tintTo, varied } from './colour.ts';
import type { Item, Part, Subject } from './scene.ts';
import type { Sprite } from './sprite.ts';
import type { Sprites, Style } from './sprites.ts';
import { COLOURS } from './things.ts';

/** An item around the picture's first corner, turned and at its size, not yet in its place. */
export interface Figure {
  readonly subject: Subject;
  readonly parts: readonly Part[];
  readonly corners: readonly Place[];
  readonly quad?: readonly [Place, Place, Place, Place];
}

export function turnedFigure(random: Random, sprites: Sprites, subject: Subject, size: number, style: Style): Figure {
  const angle = random.chance(0.7) ? random.between(-15, 15) : random.between(-45, 45);
  if (subject.kind === 'number' || subject.kind === 'word')
    return writtenFigure(random, sprites, subject, size, angle / 2);
  const stretch = random.between(0.88, 1.12);
  const single = (sprite: Sprite, tint: Tint, flip: number): Figure => {
    const to = turn(angle, size * stretch * flip, size / stretch);
    return { subject, parts: [{ sprite, to, tint }], corners: sprite.hull.map((corner) => apply(to, corner)) };
  };
  if (subject.kind === 'shape') {
    return single(sprites.shapes[subject.shape], tintTo(nearTo(random, COLOURS[subject.colour].rgb)), 1);
  }
  const drawn = sprites.things[style][subject.thing];
  return single(random.chance(0.3) ? drawn.outlined : drawn.plain, varied(random), random.chance(0.5) ? -1 : 1);
}

type Written = Subject & { readonly text: string };

/** A line of text: its characters side by side, as high as an item but no wider than the picture. */
export function writtenFigure(random: Random, sprites: Sprites, subject: Written, size: number, angle: number): Figure {
  const glyphs = Array.from(subject.text, (character) => ({ character, ...sprites.glyph(character) }));
  const length = glyphs.reduce((sum, { advance }) => sum + advance, 0);
  const em = Math.min(size * 0.75, 0.85 / length);
  const line = after(
    turn(angle, em * random.between(0.9, 1.1), em, random.between(-0.2, 0.2)),
    shift(-length / 2, 0.36),
  );
  let start = 0;
  const parts = glyphs.map(({ character, sprite, middle: [x, y], side, advance }): Part => {
    const to = after(line, [side, 0, 0, side, start + x, y]);
    start += advance;
    return { sprite, to, tint: tintTo([0, 0, 0]), character };
  });
  const [left, top, right, bottom] = boundsOf(
    glyphs.flatMap(({ sprite, middle, side }, i) => {
      const from = glyphs.slice(0, i).reduce((sum, { advance }) => sum + advance, 0);
      return sprite.hull.map(([x, y]): Place => [from + middle[0] + x * side, middle[1] + y * side]);
    }),
  );
  const corner = (x: number, y: number) => apply(line, [x, y]);
  const quad = [corner(left, top), corner(right, top), corner(right, bottom), corner(left, bottom)] as const;
  return { subject, parts, corners: quad, quad };
}

/** Finds a place where a figure is whole and hides little; null if a few trials find none. */
export function placeIn(random: Random, figure: Figure, items: readonly Item[], mostOverlap: number): Item | null {
  const { subject, parts, corners, quad } = figure;
  const [left, top, right, bottom] = boundsOf(corners);
  const [width, height] = [right - left, bottom - top];
  if (width > 0.98 || height > 0.98) return null;
  for (let trial = 0; trial < 8; trial++) {
    const [x, y] = [random.between(0.01, 0.99 - width), random.between(0.01, 0.99 - height)];
    const box = [x, y, x + width, y + height] as const;
    if (items.some((item) => overlap(item.box, box) > mostOverlap)) continue;
    const way = shift(x - left, y - top);
    const item = { subject, parts: parts.map((part) => ({ ...part, to: after(way, part.to) })), box };
    if (!quad) return item;
    const [a, b, c, d] = quad.map((corner) => apply(way, corner));
    return { ...item, quad: [a, b, c, d] };
  }
  return null;
}

/** How much of the smaller of two boxes lies in the other. */
function overlap(a: Item['box'], b: Item['box']): number {
  const width = Math.min(a[2], b[2]) - Math.max(a[0], b[0]);
  const height = Math.min(a[3], b[3]) - Math.max(a[1], b[1]);
  const area = ([left, top, right, bottom]: Item['box']) => (right - left) * (bottom - top);
  return width > 0 && height > 0 ? (width * height) / Math.min(area(a), area(b)) : 0;
}
