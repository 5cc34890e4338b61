/** Scenes by chance: things, shapes, numbers and words that hide little of each other, on a ground they are seen on. */
import type { Random } from '../random.ts';
import { anyColour, lightness, type Rgb, tinted, tintTo } from './colour.ts';
import { placeIn, turnedFigure, writtenFigure } from './figure.ts';
import { type Ground, groundFor, type Shown } from './ground.ts';
import type { Item, Part, Scene, Subject } from './scene.ts';
import type { Sprites, Style } from './sprites.ts';
import { COLOURS, SHAPES, THINGS, WORDS } from './things.ts';
import type { Language } from './words.ts';

/** What a scene may hold. */
export interface Recipe {
  /** The fewest and the most items. */
  readonly items: readonly [number, number];
  readonly kinds: Readonly<Partial<Record<Subject['kind'], number>>>;
  readonly styles: readonly Style[];
  /** How often a thing is one that is there already. */
  readonly again: number;
}

/** The longer side of an item by how many there are, the smallest and the largest. */
const SIZES = [
  [0.4, 0.9],
  [0.3, 0.65],
  [0.26, 0.52],
  [0.24, 0.45],
  [0.22, 0.4],
] as const;

/** Of the smaller of two boxes so much may lie in the other. */
const MOST_OVERLAP = 0.12;

/** Draws a scene. At least one item fits. */
export function composeScene(random: Random, sprites: Sprites, recipe: Recipe): Scene {
  const count = random.whole(...recipe.items);
  const items: Item[] = [];
  const style = random.pick(recipe.styles); // mostly one hand's
  for (let i = 0; i < count; i++) {
    const subject = subjectOf(random, recipe, items);
    const [least, most] = SIZES[Math.min(count, SIZES.length) - 1];
    for (let trial = 0, size = random.between(least, most); trial < 40; trial++, size *= 0.97) {
      const turned = turnedFigure(
        random,
        sprites,
        subject,
        size,
        random.chance(0.8) ? style : random.pick(recipe.styles),
      );
      const placed = placeIn(random, turned, items, MOST_OVERLAP);
      if (!placed) continue;
      items.push(placed);
      break;
    }
  }
  const ground = groundFor(random, items.flatMap(shownBy));
  const written = readable(random, ground);
  return {
    ground,
    behind: [],
    items: items.map((item) => ('text' in item.subject ? inInk(item, written) : item)),
    ...taken(random),
  };
}

/** A shape is its colour, of a thing the ground may have some. What is written takes a colour that the ground allows. */
const APART = { shape: 110, thing: 80 } as const;

function shownBy({ subject: { kind }, parts: [{ sprite, tint }] }: Item): Shown[] {
  return kind === 'shape' || kind === 'thing' ? [{ colour: tinted(tint, sprite.colour), apart: APART[kind] }] : [];
}

/** How a picture is taken. */
const taken = (random: Random) => ({
  noise: random.chance(0.5) ? random.between(0, 6) : 0,
  blurred: random.chance(0.2),
  seed: random.whole(0, 2 ** 31),
});

const inInk = (item: Item, ink: Rgb): Item => ({
  ...item,
  parts: item.parts.map((part) => ({ ...part, tint: tintTo(ink) })),
});

/** What one more item is. Of written things there is one of a kind, so that "the number" is one. */
function subjectOf(random: Random, { kinds, again }: Recipe, items: readonly Item[]): Subject {
  const things = items.flatMap(({ subject }) => (subject.kind === 'thing' ? [subject] : []));
  if (things.length > 0 && random.chance(again)) return random.pick(things);
  const left = Object.entries(kinds).filter(
    ([kind]) => (kind !== 'number' && kind !== 'word') || !items.some(({ subject }) => subject.kind === kind),
  );
  const kind = left.length === 0 ? 'thing' : random.share(Object.fromEntries(left) as Recipe['kinds']);
  if (kind === 'thing') return { kind, thing: random.whole(0, THINGS.length - 1) };
  if (kind === 'shape')
    return { kind, shape: random.whole(0, SHAPES.length - 1), colour: random.whole(0, COLOURS.length - 1) };
  if (kind === 'number') return { kind, text: String(random.whole(0, random.pick([9, 99, 99, 999]))) };
  return { kind, text: anyWord(random, random.pick(['English', 'Chinese'])) };
}

/** A word that a picture may show: of the list, or a thing's name. */
export function anyWord(random: Random, language: Language): string {
  const { english, chinese } = random.pick(THINGS);
  const listed = random.chance(0.5);
  if (language === 'Chinese') return listed ? random.pick(WORDS.chinese) : chinese;
  return listed ? random.pick(WORDS.english) : english.slice(english.lastIndexOf(' ') + 1).toUpperCase();
}

/**
 * Lines of text over a picture, in the manner of SynthDoG (Kim et al. 2022, "OCR-free Document Understanding Transformer", section 3.3):
 * words and numbers, each line turned, slanted and stretched, over a ground that may show things.
 *
 * @returns a scene whose items are the lines, in the order of reading: from the top, by their middles
 */
export function composePage(random: Random, sprites: Sprites, styles: readonly Style[], language: Language): Scene {
  const recipe: Recipe = { items: [1, 2], kinds: { thing: 80 }, styles, again: 0 };
  const things = random.chance(0.5) ? composeScene(random, sprites, recipe).items : [];
  const ground = groundFor(random, []);
  const ink = readable(random, ground);
  const lines: Item[] = [];
  const count = random.whole(1, 3);
  for (let trial = 0; lines.length < count && trial < 30; trial++) {
    const subject = random.chance(0.4)
      ? ({ kind: 'number', text: String(random.whole(0, 9999)) } as const)
      : ({ kind: 'word', text: anyWord(random, language) } as const);
    const size = random.between(0.22, 0.45) * 0.97 ** trial;
    const figure = writtenFigure(random, sprites, subject, size, random.between(-20, 20));
    const line = placeIn(random, figure, lines, 0);
    if (line) lines.push(inInk(line, ink));
  }
  lines.sort((a, b) => a.box[1] + a.box[3] - b.box[1] - b.box[3]);
  return {
    ground,
    behind: things.flatMap(({ parts }) => parts.map((part) => faded(part, ink))),
    items: lines,
    ...taken(random),
  };
}

/** Behind writing a thing is grey, and as far from its ink as can be. */
function faded(part: Part, ink: Rgb): Part {
  const lightest = lightness(ink) < 128 ? 1 : 0.45;
  const row = [0.15, 0.2, 0.1, lightest - 0.45] as const;
  return { ...part, tint: [...row, ...row, ...row] };
}

/** Of some colours the one that is best read on a ground. */
function readable(random: Random, { colours }: Ground): Rgb {
  const contrast = (colour: Rgb) => Math.min(...colours.map((other) => Math.abs(lightness(colour) - lightness(other))));
  const candidates: Rgb[] = [[0, 0, 0], [255, 255, 255], ...Array.from({ length: 4 }, () => anyColour(random))];
  const good = candidates.filter((colour) => contrast(colour) > 90);
  return good.length > 0 ? random.pick(good) : candidates.sort((a, b) => contrast(b) - contrast(a))[0];
}
