import { describe, expect, test } from 'vitest';
import { randomAt } from '../../src/data/random.ts';
import { questionsAbout } from '../../src/data/samples/questions.ts';
import type { Item, Scene, Subject } from '../../src/data/world/scene.ts';
import { THINGS } from '../../src/data/world/things.ts';
import { captionOf, nameOf, pluralOf } from '../../src/data/world/words.ts';

const thing = (english: string): Subject => ({
  kind: 'thing',
  thing: THINGS.findIndex((each) => each.english === english),
});
const item = (subject: Subject, ...box: [number, number, number, number]): Item => ({ subject, parts: [], box });
const scene = (...items: Item[]): Scene => ({
  ground: {
    kind: 'plain',
    colours: [
      [0, 0, 0],
      [0, 0, 0],
    ],
    mixRow: () => undefined,
  },
  ...{ behind: [], items, noise: 0, blurred: false, seed: 0 },
});

const shown = scene(
  item(thing('cat'), 0.6, 0.1, 0.8, 0.3),
  item({ kind: 'shape', shape: 0, colour: 0 }, 0.0, 0.5, 0.5, 0.95),
  item(thing('apple'), 0.7, 0.45, 0.8, 0.55),
  item(thing('cat'), 0.85, 0.1, 0.99, 0.3),
  item({ kind: 'number', text: '37' }, 0.5, 0.0, 0.6, 0.1),
);

test('a caption counts what is the same, from left to right', () => {
  expect(captionOf(shown, 'English')).toBe('a red circle, the number 37, two cats and an apple');
  expect(captionOf(shown, 'Chinese')).toBe('一个红色的圆形、数字37、两只猫和一个苹果');
  expect(captionOf(scene(item(thing('fish'), 0, 0, 1, 1)), 'English')).toBe('a fish');
});

test('of things one below the other either comes first, of things side by side the left one', () => {
  const seeds = Array.from({ length: 40 }, (_, seed) => seed);
  const [fish, apple] = [thing('fish'), thing('apple')];
  const stacked = scene(item(fish, 0.4, 0, 0.6, 0.3), item(apple, 0.41, 0.6, 0.59, 0.9));
  const beside = scene(item(apple, 0.5, 0.6, 0.9, 0.9), item(fish, 0.2, 0, 0.6, 0.3));
  const said = (shown: Scene) => new Set(seeds.map((seed) => captionOf({ ...shown, seed }, 'English')));
  expect(said(stacked)).toEqual(new Set(['a fish and an apple', 'an apple and a fish']));
  expect(said(beside)).toEqual(new Set(['a fish and an apple']));
});

test.each([
  ['bus', 'buses'],
  ['butterfly', 'butterflies'],
  ['key', 'keys'],
  ['fish', 'fish'],
  ['bunch of grapes', 'bunches of grapes'],
  ['loaf of bread', 'loaves of bread'],
  ['pair of glasses', 'pairs of glasses'],
  ['light bulb', 'light bulbs'],
  ['snowman', 'snowmen'],
])('several of a %s are %s', (one, several) => expect(pluralOf(thing(one), 'English')).toBe(several));

test('no two things are called the same, in either language', () => {
  for (const language of ['English', 'Chinese'] as const) {
    const names = THINGS.map((_, i) => nameOf({ kind: 'thing', thing: i }, language));
    expect(new Set(names).size).toBe(THINGS.length);
  }
  expect(THINGS.length).toBeGreaterThanOrEqual(48);
});

describe('questions', () => {
  const asked = (language: 'English' | 'Chinese', of = shown) =>
    new Map(
      Array.from({ length: 400 }, (_, i) => questionsAbout(randomAt(i), of, language, 9)).flatMap((questions) =>
        questions.map(({ question, answer }) => [question, answer] as const),
      ),
    );

  test('have the answers that the scene gives', () => {
    const english = asked('English');
    for (const [question, answer] of [
      ['How many cats are there?', '2'],
      ['How many apples are there?', '1'],
      ['How many things are there?', '5'],
      ['Is there a cat?', 'yes'],
      ['Is there an elephant?', 'no'],
      ['What number is it?', '37'],
      ['What is written?', 'nothing'],
      ['What colour is the circle?', 'red'],
      ['What is on the left?', 'red circle'],
      ['What is on the right?', 'cat'],
      ['What is at the bottom?', 'red circle'],
      ['What is at the top?', 'number 37'],
      ['What is the largest?', 'red circle'],
      ['Is the apple left of the red circle?', 'no'],
      ['Is the red circle left of the apple?', 'yes'],
    ]) {
      expect.soft(english.get(question), question).toBe(answer);
    }
    const chinese = asked('Chinese');
    expect(chinese.get('有几只猫?')).toBe('2');
    expect(chinese.get('最大的是什么?')).toBe('红色的圆形');
    expect(chinese.get('红色的圆形在苹果的左边吗?')).toBe('是');
  });

  test('without one sure answer are not asked', () => {
    const alike = scene(item(thing('cat'), 0.1, 0.1, 0.3, 0.3), item(thing('dog'), 0.15, 0.5, 0.35, 0.7));
    const english = asked('English', alike);
    for (const question of ['What is on the left?', 'What is the largest?', 'Is the cat left of the dog?']) {
      expect(english.has(question), question).toBe(false);
    }
    const circles = scene(
      item({ kind: 'shape', shape: 0, colour: 0 }, 0, 0, 0.2, 0.2),
      item({ kind: 'shape', shape: 0, colour: 1 }, 0.5, 0.5, 0.9, 0.9),
    );
    expect(asked('English', circles).has('What colour is the circle?')).toBe(false);
  });
});
