import { describe, expect, test } from 'vitest';
import { mostConfident, PAGE_RULES, withoutNested } from '../../src/data/cleaning/annotations.ts';
import { cleanPairs, judgePair, type PAIR_RULES, type WebPair } from '../../src/data/cleaning/pairs.ts';
import { cleanText, stripHtml, withoutSpecialTags } from '../../src/data/cleaning/text.ts';
import { processorTime } from '../processor-time.ts';

const pair = (change: Partial<WebPair> = {}): WebPair => ({
  ...{ width: 640, height: 480, text: 'A cat on a red sofa.', similarity: 0.3, dataset: 'web' },
  ...change,
});

describe('a web pair', () => {
  test.each<[keyof typeof PAIR_RULES, Partial<WebPair>, string]>([
    ['size', { height: 63, width: 63 }, '63 pixels on a side, fewer than 64'],
    ['aspect ratio', { width: 1441 }, '3.0 times as long as wide, more than 3'],
    ['aspect ratio', { height: 2000 }, '3.1 times as long as wide, more than 3'],
    ['similarity', { similarity: 0.27 }, 'a similarity of 0.27, less than 0.28'],
    ['emoji', { text: 'A cat 😺 on a sofa.' }, 'the emoji 😺'],
    ['emoji', { text: 'I ❤️ cats a lot' }, 'the emoji ❤️'],
    ['language', { text: 'Кот на диване.' }, 'the character К, neither English nor Chinese'],
    ['language', { text: '赤いソファの猫' }, 'the character い, neither English nor Chinese'],
    ['length', { text: 'Cat.' }, '4 characters, expected 5 to 300'],
    ['length', { text: 'cat '.repeat(80) }, '319 characters, expected 5 to 300'],
    ['length', { text: '<p><b></b></p>' }, '0 characters, expected 5 to 300'],
  ])('is dropped for its %s: %o', (rule, change, why) => {
    expect(judgePair(pair(change))).toEqual({ kept: false, rule, why });
  });

  test.each([
    ['at the limits', { width: 192, height: 64, similarity: 0.28, text: 'A cat' }, 'A cat'],
    ['in Chinese, with digits and punctuation', { text: '2只猫,在红色的沙发上!' }, '2只猫,在红色的沙发上!'],
    ['that was not scored', { similarity: undefined as never }, 'A cat on a red sofa.'],
    ['with signs that are emoji by name alone', { text: 'Route #66 ©' }, 'Route #66 ©'],
    ['whose text is cleaned first', { text: '<p>A cat &amp; a dog</p>  see https://x.org/a.jpg' }, 'A cat & a dog see'],
  ])('is kept %s', (_, change, text) =>
    expect(judgePair(pair(change as Partial<WebPair>))).toEqual({ kept: true, text }));

  test('is judged by the limit of its set', () => {
    const limits = { aspect: 3, side: 64, similarity: { other: 0.28, clean: 0.2 }, length: [5, 300] } as const;
    expect(judgePair(pair({ similarity: 0.25, dataset: 'clean' }), limits).kept).toBe(true);
    expect(judgePair(pair({ similarity: 0.25, dataset: 'constructor' }), limits).kept).toBe(false);
    expect(judgePair(pair({ similarity: 0.9, dataset: 'constructor' }), limits).kept).toBe(true);
  });
});

test('pairs are counted as in the table of the paper', () => {
  const { kept, counts } = cleanPairs([
    pair({ text: '<b>A cat</b>' }),
    pair({ text: 'Cat.' }),
    pair({ text: 'No', dataset: 'other' }),
    pair({ similarity: 0, width: 10 }), // the first rule that drops it counts
  ]);
  expect(kept.map(({ text }) => text)).toEqual(['A cat']);
  expect(counts).toEqual([
    { dataset: 'web', original: 3, kept: 1, dropped: { length: 1, size: 1 } },
    { dataset: 'other', original: 1, kept: 0, dropped: { length: 1 } },
    { dataset: 'total', original: 4, kept: 1, dropped: { length: 2, size: 1 } },
  ]);
});

describe('text', () => {
  test.each([
    ['<a href="x>y">cat</a>', 'y">cat'],
    ['a < b and c > d', 'a < b and c > d'],
    ['&lt;b&gt; &#29483; &#x732B; &unknown; &#0; &#xD800;', '<b> 猫 猫 &unknown; &#0; &#xD800;'],
    ['<!-- <b>hidden</b> -->cat<br/>dog', 'cat dog'],
  ])('without HTML: %s', (given, wanted) => expect(stripHtml(given).trim().replace(/\s+/g, ' ')).toBe(wanted));

  test.each([
    ['IMG_2031.JPG of a cat', 'of a cat'],
    ['A cat!!!!! www.cats.com [photo by me] #cute @someone', 'A cat!'],
    ['me@home.org', 'me@home.org'],
    ['  a \n\t cat ', 'a cat'],
  ])('without irregular patterns: %s', (given, wanted) => expect(cleanText(given)).toBe(wanted));

  test('takes time linear in its length', async () => {
    for (const text of ['<', '<a ', '[', '&#', '!', '@', 'a.', 'a-', 'a', 'www.', '<!--', ' '].map((part) =>
      part.repeat(2 ** 16),
    )) {
      expect(await processorTime(() => cleanText(text))).toBeLessThan(1000);
    }
  });

  test('of an academic caption has no special tags', () => {
    expect(withoutSpecialTags('<PERSON> rides a [UNK] horse </s>')).toBe('rides a horse');
  });
});

describe('annotations', () => {
  test('the answer that people were surest of together is taken', () => {
    const answers = [
      { answer: 'red', confidence: 'maybe' },
      { answer: 'blue', confidence: 'yes' },
      { answer: 'red', confidence: 'yes' },
      { answer: 'green', confidence: 'no' },
    ] as const;
    expect(mostConfident(answers)).toBe('red');
    expect(mostConfident([])).toBe(undefined);
    expect(mostConfident([answers[3]])).toBe('green');
  });

  test('of nested labels as many are kept as can be', () => {
    const spans = [
      { start: 0, end: 20 }, // a cat on a red sofa
      { start: 0, end: 5 }, // a cat
      { start: 9, end: 20 }, // a red sofa
      { start: 15, end: 25 }, // overlaps it
      { start: 25, end: 25 }, // nothing
    ];
    expect(withoutNested(spans)).toEqual([spans[1], spans[2]]);
  });

  test('pages that are too small, too empty or too full are dropped', () => {
    const page = { width: 300, height: 400, text: 'ten words '.repeat(5) };
    expect(PAGE_RULES.size(page)).toBe(null);
    expect(PAGE_RULES.size({ ...page, height: 200 })).toBe('200 pixels on a side, fewer than 224');
    expect(PAGE_RULES.characters(page)).toBe(null);
    expect(PAGE_RULES.characters({ ...page, text: ' \n'.repeat(50) })).toBe('0 characters, expected 10 to 4000');
    expect(PAGE_RULES.characters({ ...page, text: '猫'.repeat(4001) })).toBe('4001 characters, expected 10 to 4000');
  });
});
