import type { Box, Point, Quad } from '../../input/boxes/grounding.ts';
import type { Item } from '../world/scene.ts';

/**
 * A place in 0 … 1 as the model writes it, in thousandths, but to the nearest hundredth: a pixel of the small model's pictures is as wide. The
 * third digit, which nobody can see, was a third of stage 2's loss, all of it noise: without it a hundred steps took the loss from 1.15 to 0.76.
 */
const pointOf = ([x, y]: readonly [number, number]): Point => [thousandth(x), thousandth(y)];
const thousandth = (share: number): number => 10 * Math.min(99, Math.max(0, Math.round(share * 100)));

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
