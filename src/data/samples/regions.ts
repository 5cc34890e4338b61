import type { Box, Point, Quad } from '../../input/boxes/grounding.ts';
import type { Item } from '../world/scene.ts';

/** A place in 0 … 1 as the model writes it. */
const pointOf = ([x, y]: readonly [number, number]): Point => [thousandth(x), thousandth(y)];
const thousandth = (share: number): number => Math.min(999, Math.max(0, Math.floor(share * 1000)));

export function boxOf({ box: [left, top, right, bottom] }: Pick<Item, 'box'>): Box {
  return [pointOf([left, top]), pointOf([right, bottom])];
}

/** The corners of a line of text. */
export function quadOf(item: Item): Quad {
  const [left, top, right, bottom] = item.box;
  const [a, b, c, d] =
    item.quad ??
    ([
      [left, top],
      [right, top],
      [right, bottom],
      [left, bottom],
    ] as const);
  return [pointOf(a), pointOf(b), pointOf(c), pointOf(d)];
}
