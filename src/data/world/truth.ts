/** What stands where in a picture: what a vision encoder alone is trained to tell, and what the decoder first reads instead of it. */
import { paint } from './paint.ts';
import type { Item, Scene, Subject } from './scene.ts';
import { COLOURS, SHAPES, THINGS } from './things.ts';
import { headOf, type Language } from './words.ts';

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ';

/** What a patch may show: nothing but the ground, a thing, a shape of a colour, a digit, a letter, or another character. */
export const PATCH_CLASSES: readonly string[] = [
  'ground',
  ...THINGS.map(({ english }) => english),
  ...SHAPES.flatMap((shape) => COLOURS.map((colour) => `${colour.english} ${shape.english}`)),
  ...'0123456789',
  ...LETTERS,
  'character',
];

function classOf(subject: Subject, character: string | undefined): number {
  if (subject.kind === 'thing') return 1 + subject.thing;
  const shapes = 1 + THINGS.length;
  if (subject.kind === 'shape') return shapes + subject.shape * COLOURS.length + subject.colour;
  const digits = shapes + SHAPES.length * COLOURS.length;
  if (character === undefined) return PATCH_CLASSES.length - 1;
  if (/\d/.test(character)) return digits + Number(character);
  const letter = LETTERS.indexOf(character);
  return letter < 0 ? PATCH_CLASSES.length - 1 : digits + 10 + letter;
}

/** Of each patch of a picture, by rows: what it shows, and where all of that is. */
export interface PatchTruth {
  /** `[n · n]`, indices into PATCH_CLASSES. */
  readonly classes: Int32Array;
  /** `[n · n, 4]`: left, top, right, bottom in 0 … 1 of the thing, or of the whole line of text; zeros for the ground. */
  readonly boxes: Float32Array;
}

/** A part shows in a cell if it covers this much of it, and more than any other. */
const LEAST_COVERED = 0.2;

/** The number of the part (from 1) that covers most of each cell, 0 for none; and how much of it, in pixels. */
function foremost(covers: Uint16Array, side: number, n: number, parts: number): { part: number; pixels: number }[] {
  const cell = side / n;
  return Array.from({ length: n * n }, (_, at) => {
    const counts = new Uint32Array(parts + 1);
    const [top, left] = [Math.floor(at / n) * cell, (at % n) * cell];
    for (let y = top; y < top + cell; y++) for (let x = left; x < left + cell; x++) counts[covers[y * side + x]]++;
    counts[0] = 0;
    const pixels = Math.max(...counts);
    return { part: pixels === 0 ? 0 : counts.indexOf(pixels), pixels };
  });
}

const partsOf = ({ items }: Scene) => items.flatMap((item) => item.parts.map((part) => ({ item, part })));

/**
 * @param covers of the scene's painting, `[side, side]`
 * @param n patches a side; `side` is a multiple of it
 */
export function patchTruth(scene: Scene, covers: Uint16Array, side: number, n: number): PatchTruth {
  const parts = partsOf(scene);
  const classes = new Int32Array(n * n);
  const boxes = new Float32Array(4 * n * n);
  for (const [at, { part, pixels }] of foremost(covers, side, n, parts.length).entries()) {
    if (part === 0 || pixels < LEAST_COVERED * (side / n) ** 2) continue;
    const shown = parts[part - 1];
    classes[at] = classOf(shown.item.subject, shown.part.character);
    boxes.set(shown.item.box, 4 * at);
  }
  return { classes, boxes };
}

/** Pixels a side of a cell, when only what covers it is asked. */
const COARSE = 7;

/**
 * The words of what stands in each of n × n cells, by rows; '' where nothing does. Everything has a cell: what is foremost in none takes the one
 * where its middle is.
 */
export function cellWords(scene: Scene, n: number, language: Language): string[] {
  const side = COARSE * n;
  const { covers } = paint(scene, side);
  const parts = partsOf(scene);
  const cells = foremost(covers, side, n, parts.length);
  const words = cells.map(({ part, pixels }) => {
    if (part === 0 || pixels < LEAST_COVERED * COARSE ** 2) return '';
    const { item } = parts[part - 1];
    return headOf(item.subject, language);
  });
  const shown = new Set(cells.flatMap(({ part }, at) => (part > 0 && words[at] !== '' ? [parts[part - 1].item] : [])));
  for (const item of scene.items) if (!shown.has(item)) words[cellOf(item, n)] = headOf(item.subject, language);
  return words;
}

/** The cell where an item's middle is. */
function cellOf({ box: [left, top, right, bottom] }: Item, n: number): number {
  const cell = (middle: number) => Math.min(n - 1, Math.floor(middle * n));
  return cell((top + bottom) / 2) * n + cell((left + right) / 2);
}
