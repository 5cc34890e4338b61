import { readFile } from 'node:fs/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import { openWorld, PATCH_CLASSES, patchesAt, sampleAt, type World } from '../../src/data/index.ts';
import { randomAt } from '../../src/data/random.ts';
import { distance, lightness, tinted } from '../../src/data/world/colour.ts';
import { paint } from '../../src/data/world/paint.ts';
import type { Item, Scene } from '../../src/data/world/scene.ts';
import type { Sprite } from '../../src/data/world/sprite.ts';
import { ALL_STYLES, loadSprites, STYLES, type Style, UNSEEN_STYLE } from '../../src/data/world/sprites.ts';
import { THINGS } from '../../src/data/world/things.ts';
import { patchTruth, slotWords } from '../../src/data/world/truth.ts';

let world: World;
let scenes: Scene[];
const SIDE = 112;
beforeAll(async () => {
  world = await openWorld();
  scenes = Array.from({ length: 60 }, (_, i) => world.scene(randomAt(1, 'test', i), [1, 5]));
});

/** Where the pixels of one item are when nothing stands before it. */
function covered(scene: Scene, item: Item): { box: number[]; pixels: number } {
  const { covers } = paint({ ...scene, items: [item] }, SIDE);
  let [left, top, right, bottom, pixels] = [SIDE, SIDE, 0, 0, 0];
  for (const [at, part] of covers.entries()) {
    if (part === 0) continue;
    const [x, y] = [at % SIDE, Math.floor(at / SIDE)];
    [left, top, right, bottom] = [Math.min(left, x), Math.min(top, y), Math.max(right, x + 1), Math.max(bottom, y + 1)];
    pixels++;
  }
  return { box: [left, top, right, bottom], pixels };
}

describe('a sample', () => {
  test('is the same whatever was drawn before it', () => {
    const options = { stage: 2, seed: 5, side: 56 } as const;
    const forwards = [0, 1, 2, 3, 4, 5].map((i) => sampleAt(world, options, i));
    const backwards = [5, 4, 3, 2, 1, 0].map((i) => sampleAt(world, options, i)).reverse();
    expect(backwards).toEqual(forwards);
    expect(sampleAt(world, { ...options, seed: 6 }, 0)).not.toEqual(forwards[0]);
    expect(patchesAt(world, { seed: 5, side: 56, patches: 4 }, 3)).toEqual(
      patchesAt(world, { seed: 5, side: 56, patches: 4 }, 3),
    );
  });

  test('of half the resolution shows the same scene', () => {
    const mean = (side: number) => {
      const { data } = paint({ ...scenes[0], noise: 0, blurred: false }, side).picture;
      return data.reduce((sum, value) => sum + value, 0) / data.length;
    };
    expect(mean(56)).toBeCloseTo(mean(112), -0.5);
  });
});

describe('a scene', () => {
  test('has one to five items, each whole and in its box', () => {
    expect(new Set(scenes.map(({ items }) => items.length))).toEqual(new Set([1, 2, 3, 4, 5]));
    for (const scene of scenes) {
      for (const item of scene.items) {
        const { box } = covered(scene, item);
        // A box may be larger by the edges' antialiasing, and by the space around what is written.
        for (const [i, edge] of box.entries()) {
          const outside = (i < 2 ? 1 : -1) * (item.box[i] * SIDE - edge);
          expect(outside, `${JSON.stringify(item.subject)} edge ${i}`).toBeLessThan(1.5);
          expect(outside).toBeGreaterThan('text' in item.subject ? -12 : -2.5);
          expect(item.box[i]).toBeGreaterThanOrEqual(0);
          expect(item.box[i]).toBeLessThanOrEqual(1);
        }
      }
    }
  });

  test('hides little of anything', () => {
    for (const scene of scenes) {
      const { covers } = paint(scene, SIDE);
      let part = 0;
      for (const item of scene.items) {
        const own = item.parts.map(() => ++part);
        const seen = covers.filter((number) => own.includes(number)).length;
        expect(seen / covered(scene, item).pixels).toBeGreaterThan(0.7);
      }
    }
  });

  test('has a ground that things, shapes and writing stand out from', () => {
    const least = { thing: 80, shape: 110, number: 40, word: 40 };
    for (const { ground, items } of scenes) {
      for (const { subject, parts } of items) {
        const [{ sprite, tint }] = parts;
        const colour = tinted(tint, sprite.colour);
        for (const other of ground.colours) {
          const written = subject.kind === 'number' || subject.kind === 'word';
          const far = written ? Math.abs(lightness(colour) - lightness(other)) : distance(colour, other);
          expect(far, subject.kind).toBeGreaterThan(least[subject.kind]);
        }
      }
    }
  });

  test('of a page has lines of text that do not touch, in the order of reading, each with its corners', () => {
    for (let i = 0; i < 20; i++) {
      const { items } = world.page(randomAt(2, i), 'English');
      expect(items.length).toBeGreaterThan(0);
      for (const { quad, box } of items) {
        const xs = quad!.map(([x]) => x);
        expect(Math.min(...xs)).toBeCloseTo(box[0]);
        expect(Math.max(...xs)).toBeCloseTo(box[2]);
      }
      const middles = items.map(({ box }) => box[1] + box[3]);
      expect([...middles].sort((a, b) => a - b)).toEqual(middles);
    }
  });
});

test('every style has a drawing of every thing, unlike the other styles', async () => {
  const { things } = await loadSprites();
  for (const [i, { english }] of THINGS.entries()) {
    const drawings = ALL_STYLES.map((style) => things[style][i].plain);
    for (const { levels, hull } of drawings) {
      const opaque = levels[0].data.filter((value, at) => at % 4 === 3 && value > 128).length;
      expect(opaque / (levels[0].width * levels[0].height), english).toBeGreaterThan(0.1);
      expect(hull.length).toBeGreaterThan(2);
      // Colours are multiplied by their alpha: none is lighter than it.
      expect(levels[0].data.every((value, at, data) => value <= data[(at & ~3) + 3] + 1)).toBe(true);
    }
    expect(new Set(drawings.map(({ levels }) => levels[0].data.join())).size, english).toBe(4);
  }
});

test('a world shows the styles that it is asked for, and by itself never the one that is held back', async () => {
  const { things } = await loadSprites();
  const styleOf = new Map(
    ALL_STYLES.flatMap((style) =>
      things[style].flatMap(({ plain, outlined }) =>
        [plain, outlined].map((sprite): [Sprite, Style] => [sprite, style]),
      ),
    ),
  );
  const shown = (among: readonly Scene[]) =>
    new Set(
      among.flatMap(({ items }) =>
        items.flatMap(({ parts }) => parts.flatMap(({ sprite }) => styleOf.get(sprite) ?? [])),
      ),
    );
  expect([...shown(scenes)].sort()).toEqual([...STYLES].sort());
  const unseen = await openWorld({ styles: [UNSEEN_STYLE] });
  const others = Array.from({ length: 20 }, (_, i) => unseen.scene(randomAt(1, 'test', i), [1, 5]));
  expect([...shown(others)]).toEqual([UNSEEN_STYLE]);
});

test('the outlines that a page draws with are small, and ask for nothing', async () => {
  const text = await readFile('src/data/world/drawings/noto.json', 'utf8');
  expect(text.length).toBeLessThan(400_000);
  const { drawings } = JSON.parse(text) as { drawings: Record<string, string> };
  expect(Object.keys(drawings)).toEqual(THINGS.map(({ slug }) => slug));
  expect(text).not.toMatch(/<script|<image|<foreignObject|\bon\w+=|href=\\"(?!#)|url\((?!#)/);
});

describe('the truth of a picture', () => {
  test('names what covers a patch, and gives all of it', () => {
    for (const scene of scenes.slice(0, 20)) {
      const { covers } = paint(scene, SIDE);
      const { classes, boxes } = patchTruth(scene, covers, SIDE, 8);
      for (const item of scene.items) {
        const { subject, box } = item;
        if (subject.kind !== 'thing') continue;
        const own = [...classes.keys()].filter((at) => boxes[4 * at] === Math.fround(box[0]));
        expect(own.length).toBeGreaterThan(0);
        expect(own.map((at) => PATCH_CLASSES[classes[at]])).toEqual(own.map(() => THINGS[subject.thing].english));
        for (const at of own) {
          // The patch lies in the box, if only by a corner.
          expect(((at % 8) + 1) / 8).toBeGreaterThan(box[0]);
          expect((at % 8) / 8).toBeLessThan(box[2]);
          expect(Math.floor(at / 8) / 8).toBeLessThan(box[3]);
        }
      }
      for (const [at, kind] of classes.entries()) if (kind === 0) expect(boxes[4 * at + 2]).toBe(0);
    }
  });

  test('as words has a slot for everything', () => {
    for (const scene of scenes) {
      const few = slotWords(scene, 2, 'English');
      expect(Object.keys(few)).toEqual(['0', '1', '2', '3']);
      expect(few.filter((word) => word !== '').length).toBeGreaterThanOrEqual(Math.min(4, scene.items.length));
      const words = slotWords(scene, 4, 'English');
      for (const { subject } of scene.items) {
        if (subject.kind === 'thing') expect(words).toContain(` ${THINGS[subject.thing].english.split(' ').at(-1)}`);
        if (subject.kind === 'number') expect(words).toContain(subject.text[0]);
        if (subject.kind === 'word') expect(words).toContain(subject.text);
      }
    }
  });
});
