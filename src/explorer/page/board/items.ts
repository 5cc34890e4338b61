import { COLOURS, SHAPES, THINGS } from '../../../data/world/things.ts';
import { BOARD } from '../pictures/shown.ts';

/** Something on a board. */
export interface BoardItem {
  /** A thing's slug, or a shape with its colour: `red-square`. */
  readonly kind: string;
  /** Its middle, and the side of the square that it fills: thousandths of the board's side, as boxes of answers have them. */
  readonly x: number;
  readonly y: number;
  readonly size: number;
}

export const MOST_ITEMS = 24;
export const [SMALLEST, LARGEST] = [60, 1000];

/** What can be put on a board, by its kind: what it is called. */
export const LABELS: ReadonlyMap<string, string> = new Map([
  ...COLOURS.flatMap((colour) =>
    SHAPES.map(({ english }) => [`${colour.english}-${english}`, `${colour.english} ${english}`] as const),
  ),
  ...THINGS.map(({ slug, english }) => [slug, english] as const),
]);

const within = (value: number, least: number, most: number): number => Math.min(most, Math.max(least, value));

/** An item that is not outside the board, and neither too small to be taken hold of nor larger than it. */
export const placed = ({ kind, x, y, size }: BoardItem): BoardItem => ({
  kind,
  x: within(Math.round(x), 0, 999),
  y: within(Math.round(y), 0, 999),
  size: within(Math.round(size), SMALLEST, LARGEST),
});

/** A board as the address has it: `board_red-square.500.500.300_cat-face.200.200.250`, the hindmost first. */
export const boardName = (items: readonly BoardItem[]): string =>
  BOARD + items.map(({ kind, x, y, size }) => [kind, x, y, size].join('.')).join('_');

/** What is on a board. An address can say anything: what is no item is left out. */
export function parseBoard(name: string): readonly BoardItem[] {
  const items = name.slice(BOARD.length).split('_', MOST_ITEMS);
  return items.flatMap((item) => {
    const [kind, ...numbers] = item.split('.');
    const [x, y, size] = numbers.map((text) => (/^\d{1,4}$/.test(text) ? Number(text) : Number.NaN));
    return LABELS.has(kind) && numbers.length === 3 && x + y + size >= 0 ? [placed({ kind, x, y, size })] : [];
  });
}
