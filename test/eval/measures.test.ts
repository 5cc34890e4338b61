import { describe, expect, test } from 'vitest';
import { boxPrecision, intersectionOverUnion } from '../../src/eval/box-precision.ts';
import { cider, words } from '../../src/eval/cider.ts';
import { bootstrap, wilson } from '../../src/eval/intervals.ts';
import { sameThings } from '../../src/eval/same-things.ts';
import { anls, editDistance, exactMatch, relaxedAccuracy } from '../../src/eval/text-measures.ts';
import { vqaAccuracy } from '../../src/eval/vqa-accuracy.ts';
import type { Box } from '../../src/input/boxes/grounding.ts';

/** `{ dog: 2, cat: 8 }`: what ten people said. */
const people = (said: Record<string, number>): string[] =>
  Object.entries(said).flatMap(([answer, count]) => Array<string>(count).fill(answer));

describe('VQA accuracy is what the released script computes', () => {
  // The values are the script's own (eval_mm/vqa_eval.py).
  test.each([
    ['a dog', { dog: 2, cat: 8 }, 0.6],
    ['Two dogs.', { '2 dogs': 3, 'two dogs': 7 }, 0.9],
    ['dont know', { "don't know": 10 }, 1],
    ['The cat-dog', { 'cat dog': 4, 'cat-dog': 6 }, 1],
    ['1,000', { '1000': 5, '1,000': 5 }, 1],
    ['red, blue', { 'red, blue': 5, 'red blue': 5 }, 1],
    ['3.5', { '3.5': 9, '3': 1 }, 1],
    ['yes.', { yes: 1, 'yes.': 9 }, 1],
    ['none', { '0': 10 }, 1],
    ["somebody'd", { somebodyd: 10 }, 1],
    ["Couldnt've", { "couldn't've": 10 }, 1],
    ['a/b', { 'a b': 6, b: 4 }, 1], // the article was first a part of a word
    ['x\ny', { 'x y': 2, z: 8 }, 0.6],
    ['the dog', { 'the dog': 10 }, 0],
  ])('%j %j', (answer, said, expected) => {
    expect(vqaAccuracy(answer, people(said))).toBeCloseTo(expected, 12);
  });
});

describe('ANLS', () => {
  // eval_mm/infographicsvqa_eval.py
  test.each([
    ['hello world', ['Hello  World', 'x'], 1],
    ['abcd', ['abxy'], 0.5],
    ['abcd', ['axyz'], 0],
    [' abcd ', ['abxyzw'], 0],
    ['', [''], 1],
    ['kitten', ['sitting', 'mitten'], 5 / 6],
    ['红色的星', ['红色星'], 0.75],
  ])('%j %j', (answer, references, expected) => {
    expect(anls(answer, references)).toBeCloseTo(expected, 12);
  });

  test('the distance is the same both ways', () => {
    const [a, b] = [[...'intention'], [...'execution']];
    expect([editDistance(a, b), editDistance(b, a)]).toEqual([5, 5]);
  });
});

test.each([
  ['105', '100', 1], // 5 of 105 is below 5 %, of 100 it is just 5 %
  ['95.2', '100', 0], // 4.8 of 95.2 is above: by the paper's definition it would be right
  ['5%', '0.05', 1],
  ['1e2', '100', 1],
  ['0', '0.0', 0],
  ['Red', 'red', 1],
  ['12 cats', '12', 0],
  ['nan', 'NaN', 1],
])('relaxed accuracy of %j for %j', (answer, reference, expected) => {
  expect(relaxedAccuracy(` ${answer}\n`, ['never', reference])).toBe(expected);
});

test('an exact match overlooks capitals and spaces around it alone', () => {
  expect([' Yes\n', 'yes.', 'y es'].map((answer) => exactMatch(answer, ['no', 'yes']))).toEqual([1, 0, 0]);
});

test('a caption names the same things in any order, as often, and begins alike', () => {
  const judge = (answer: string, reference: string) => sameThings(answer, [reference]);
  expect(judge('A cat, two dogs and an egg', 'two dogs, an egg and a cat')).toBe(1);
  expect(judge('The picture shows an egg and a cat.', 'The picture shows a cat and an egg.')).toBe(1);
  expect(judge('图中有一把剪刀和一只猫。', '图中有一只猫和一把剪刀。')).toBe(1);
  expect(judge('图1中有一只猫。', '图2中有一只猫。')).toBe(0);
  expect(judge('a cat and a cat', 'a cat')).toBe(0);
  expect(judge('a cat and two dogs', 'a cat and a dog')).toBe(0);
  expect(judge('Picture 1 shows a cat.', 'The picture shows a cat.')).toBe(0);
  expect(judge('', 'a cat')).toBe(0);
  expect(sameThings('a dog', ['a cat', 'a dog'])).toBe(1);
});

describe('CIDEr', () => {
  const ITEMS = [
    { answer: 'a red star and a blue square', references: ['a red star and a green square', 'a star and a square'] },
    { answer: 'two dogs run', references: ['two dogs are running', 'dogs run in the grass'] },
    { answer: 'a cat', references: ['a cat sits on the mat'] },
    { answer: 'the the the', references: ['the cat sat on the mat'] },
    { answer: 'an apple', references: ['an apple'] },
  ];

  test('is that of coco-caption', () => {
    const expected = [5.024617078737828, 2.3073142086470537, 2.089053969312994, 0.605797154936839, 5];
    for (const [i, score] of cider(ITEMS).entries()) expect(score, ITEMS[i].answer).toBeCloseTo(expected[i], 10);
  });

  test('is 10 for a caption of four words that is its reference, and 0 without a corpus', () => {
    const same = (text: string) => ({ answer: text, references: [text] });
    expect(cider([same('a cat on mats'), same('one two three four')])).toEqual([
      expect.closeTo(10, 10),
      expect.closeTo(10, 10),
    ]);
    expect(cider([same('a cat on mats')])).toEqual([0]);
  });

  test('counts words', () => {
    expect(words("A dog's ball, which isn't U.S.-made: 3.5 cm!")).toEqual([
      'a',
      'dog',
      "'s",
      'ball',
      'which',
      'is',
      "n't",
      'u.s',
      'made',
      '3.5',
      'cm',
    ]);
    expect(words('图中有2只cat。')).toEqual(['图', '中', '有', '2', '只', 'cat']);
  });
});

describe('precision of boxes', () => {
  const wanted: Box = [
    [0, 0],
    [500, 1000],
  ];
  test.each([
    ['<box>(0,0),(499,999)</box>', 1],
    ['(0,0),(999,999)', 1], // just a half
    ['(0,0),(999,999', 0],
    ['(500,0),(999,999)', 0],
    ['(499,999),(0,0)', 0], // no extent is no box
    ['(a,0),(499,999)', 0],
    ['there is none', 0],
    ['(900,900),(999,999) (0,0),(499,999)', 0], // the first counts
  ])('%j', (answer, expected) => {
    expect(boxPrecision(answer, [wanted])).toBe(expected);
    expect(
      boxPrecision(answer, [
        [
          [1, 1],
          [2, 2],
        ],
        wanted,
      ]),
    ).toBe(expected);
  });

  test('by hand', () => {
    expect(intersectionOverUnion([0, 0, 2, 2], [1, 1, 3, 3])).toBeCloseTo(1 / 7, 12);
    expect(intersectionOverUnion([0, 0, 0, 0], [0, 0, 0, 0])).toBe(0);
  });
});

describe('intervals', () => {
  test('of Wilson are those of his table', () => {
    // Newcombe 1998, "Two-sided confidence intervals for the single proportion", table I.
    for (const [r, n, low, high] of [
      [81, 263, 0.2553, 0.3662],
      [15, 148, 0.0624, 0.1605],
      [0, 20, 0, 0.1611],
      [1, 29, 0.0061, 0.1718],
    ]) {
      expect(wilson(r, n)[0]).toBeCloseTo(low, 4);
      expect(wilson(r, n)[1]).toBeCloseTo(high, 4);
    }
  });

  test('of means hold what they should', () => {
    const scores = Array.from({ length: 400 }, (_, i) => (i % 10) / 10);
    const [low, high] = bootstrap(scores);
    const spread = (1.96 * Math.sqrt(0.0825)) / Math.sqrt(400);
    expect(low).toBeCloseTo(0.45 - spread, 2);
    expect(high).toBeCloseTo(0.45 + spread, 2);
    expect(bootstrap(scores)).toEqual([low, high]);
    expect(bootstrap(scores, 1)).not.toEqual([low, high]);
  });
});
