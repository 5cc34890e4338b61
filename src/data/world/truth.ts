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

/** Pixels a side of a slot, when only what covers it is asked. */
const COARSE = 7;

/**
 * A picture as words: for each of n × n slots, by rows, a text of what stands there, to be encoded as it is; '' where nothing does. With the
 * small vocabulary each is one token: what takes several (a colour and a shape, digits) has them in turn in its slots, from the left.
 * Everything has at least one slot, as far as there are slots: what is foremost in none takes the one next to its middle.
 */
export function slotWords(scene: Scene, n: number, language: Language): string[] {
  const side = COARSE * n;
  const { covers } = paint(scene, side);
  const parts = partsOf(scene);
  const slots = new Map<Item, number[]>(scene.items.map((item) => [item, []]));
  for (const [at, { part, pixels }] of foremost(covers, side, n, parts.length).entries()) {
    if (part > 0 && pixels >= LEAST_COVERED * COARSE ** 2) slots.get(parts[part - 1].item)!.push(at);
  }
  for (const [item, own] of slots) if (own.length === 0) own.push(...takeSlot(slots, item, n));
  const words = Array.from({ length: n * n }, () => '');
  for (const [item, own] of slots) {
    const told = tokensOf(item.subject, language);
    while (own.length < told.length) {
      const free = words.findIndex((_, at) => !isTaken(slots, at) && own.some((other) => isBeside(other, at, n)));
      if (free < 0) break;
      own.push(free);
    }
    own.sort((a, b) => (a % n) - (b % n) || a - b);
    const turns = Math.max(own.length, told.length);
    for (const [i, at] of own.entries()) words[at] = told[Math.floor((i * told.length) / turns)];
  }
  return words;
}

type Slots = ReadonlyMap<Item, readonly number[]>;

const isTaken = (slots: Slots, at: number): boolean => [...slots.values()].some((own) => own.includes(at));

const isBeside = (a: number, b: number, n: number): boolean =>
  Math.abs(a - b) === 1 && Math.floor(a / n) === Math.floor(b / n);

/** The slot nearest to an item's middle that is not all that another has, if there is one; it is taken from whoever has it. */
function takeSlot(slots: ReadonlyMap<Item, number[]>, { box: [left, top, right, bottom] }: Item, n: number): number[] {
  const away = (at: number) =>
    Math.hypot((at % n) + 0.5 - (n * (left + right)) / 2, Math.floor(at / n) + 0.5 - (n * (top + bottom)) / 2);
  const only = [...slots.values()].flatMap((own) => (own.length === 1 ? own : []));
  const nearest = Array.from({ length: n * n }, (_, at) => at)
    .filter((at) => !only.includes(at))
    .sort((a, b) => away(a) - away(b))
    .slice(0, 1);
  for (const slot of nearest)
    for (const own of slots.values()) if (own.includes(slot)) own.splice(own.indexOf(slot), 1);
  return nearest;
}

/** The texts that something takes in slots. An English word has the space that stands before it in a sentence. */
function tokensOf(subject: Subject, language: Language): string[] {
  if (subject.kind === 'number') return [...subject.text];
  if (subject.kind === 'shape') {
    const [colour, shape] = [COLOURS[subject.colour], SHAPES[subject.shape]];
    return language === 'English' ? [` ${colour.english}`, ` ${shape.english}`] : [colour.chinese, shape.chinese];
  }
  const head = headOf(subject, language);
  return [language === 'English' && subject.kind === 'thing' ? ` ${head}` : head];
}
