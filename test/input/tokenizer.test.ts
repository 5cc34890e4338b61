import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { TextError } from '../../src/error.ts';
import { mergeByRank } from '../../src/input/text/bpe.ts';
import { splitAtSpecialTokens } from '../../src/input/text/special-tokens.ts';
import { createTokenizer } from '../../src/input/text/tokenizer.ts';
import { parseVocabulary } from '../../src/input/text/vocabulary.ts';
import { processorTime } from '../processor-time.ts';
import { readText, realVocabulary, smallVocabulary } from './vocabularies.ts';

const tokenizer = createTokenizer(realVocabulary(), 'qwen.tiktoken');
const bytes = createTokenizer(smallVocabulary(), 'bytes.tiktoken', 8);
const golden = JSON.parse(readText('golden/tokenizer/encode.json')) as { text: string; ids: number[] }[];

describe('the published vocabulary', () => {
  test('600 strings have the ids of the original', () => {
    expect(golden).toHaveLength(600);
    for (const { text, ids } of golden) expect(tokenizer.encode(text, { special: 'all' }), text).toEqual(ids);
  });

  test('decoding gives the strings back, NFC-normalised', () => {
    for (const { text, ids } of golden) expect(tokenizer.decode(ids)).toBe(text.normalize('NFC'));
  });

  test('any text comes back from its ids', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 40 }), (text) => {
        expect(tokenizer.decode(tokenizer.encode(text))).toBe(text.normalize('NFC'));
      }),
      { numRuns: 500 },
    );
  });

  test('special tokens stand after the ranks', () => {
    const { special } = tokenizer;
    expect([special.endOfText, special.imStart, special.imEnd]).toEqual([151643, 151644, 151645]);
    expect([special.refStart, special.refEnd, special.boxStart]).toEqual([151851, 151852, 151853]);
    expect([special.boxEnd, special.quadStart, special.quadEnd]).toEqual([151854, 151855, 151856]);
    expect([special.imageStart, special.imageEnd, special.imagePad]).toEqual([151857, 151858, 151859]);
    expect(special.ids.get('<|extra_204|>')).toBe(151850);
    expect(tokenizer.size).toBe(151860);
  });

  test('ordinary text takes at most a second a megabyte', async () => {
    const text = golden.map((entry) => entry.text).join(' ');
    const megabyte = text.repeat(Math.ceil(1e6 / new TextEncoder().encode(text).length));
    expect(await processorTime(() => tokenizer.encode(megabyte))).toBeLessThan(1000 * 3);
  });

  test('100,000 characters without a space take less than two seconds', async () => {
    const letters = 'abcdefghijklmnopqrstuvwxyz文字её';
    let state = 1;
    const random = Array.from({ length: 100_000 }, () => {
      state = (state * 48271) % 0x7fffffff;
      return letters[state % letters.length];
    }).join('');
    for (const text of [random, 'a'.repeat(100_000), ' '.repeat(100_000), '!?'.repeat(50_000), ' \n'.repeat(50_000)]) {
      let ids: number[] = [];
      expect(await processorTime(() => (ids = tokenizer.encode(text)))).toBeLessThan(2000);
      expect(tokenizer.decode(ids)).toBe(text);
    }
  });
});

describe('the split into pieces', () => {
  /** Whether a text is cut between two characters: the last byte of one and the first of the other are a token. */
  const isCut = (text: string, at: number): boolean => {
    const left = new TextEncoder().encode(text.slice(0, at)).at(-1)!;
    const right = new TextEncoder().encode(text.slice(at))[0];
    return !createTokenizer(smallVocabulary(String.fromCharCode(left, right)), 'test')
      .encode(text)
      .includes(256);
  };

  test.each([
    ["x'sa", 3, true],
    ["x'Sa", 3, true],
    ["x'sa", 2, false],
    ["x'ſa", 3, true], // ſ is an s of either case
    ["x'kea", 3, false],
    ['!\u0085!', 1, true], // U+0085 is white space, though not to JavaScript's \s
    ['\u0085\u0085x', 1, true],
    ['\u0085\u0085x', 2, false],
    [' \uFEFF!', 1, false], // U+FEFF is none, though it is to JavaScript's \s
    ['  x', 1, true],
    ['  x', 2, false],
    ['12', 1, true],
    ['!\nx', 1, false],
    ['!\nx', 2, true],
    ['a!', 1, true],
  ])('%j at %i: cut %j', (text, at, cut) => {
    expect(isCut(text, at)).toBe(cut);
  });
});

describe('byte-pair encoding', () => {
  /** The definition, in quadratic time. */
  function mergeSlowly(piece: string, ranks: ReadonlyMap<string, number>): number[] {
    const parts = [...piece];
    for (;;) {
      let best = Number.POSITIVE_INFINITY;
      let at = -1;
      for (let index = 0; index + 1 < parts.length; index++) {
        const rank = ranks.get(parts[index] + parts[index + 1]) ?? Number.POSITIVE_INFINITY;
        if (rank < best) [best, at] = [rank, index];
      }
      if (at < 0) return parts.map((part) => ranks.get(part)!);
      parts.splice(at, 2, parts[at] + parts[at + 1]);
    }
  }

  test('equals the definition, whatever the tokens', () => {
    const word = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), minLength: 2, maxLength: 6 });
    fc.assert(
      fc.property(
        fc.uniqueArray(word, { maxLength: 30 }),
        fc.string({ unit: fc.constantFrom('a', 'b', 'c', 'd'), maxLength: 60 }),
        (tokens, piece) => {
          const vocabulary = parseVocabulary(smallVocabulary(...tokens), 'test');
          expect(mergeByRank(piece, vocabulary)).toEqual(mergeSlowly(piece, vocabulary.ranks));
        },
      ),
      { numRuns: 300 },
    );
  });

  test('a piece that is a token needs no merges', () => {
    // "abc" cannot be reached by joining pairs, since neither "ab" nor "bc" is a token.
    expect(createTokenizer(smallVocabulary('abc'), 'test').encode('abc')).toEqual([256]);
  });
});

describe('images', () => {
  const { special } = bytes;
  const pad = special.imagePad;

  test('a path is its bytes, filled up to Q ids', () => {
    const ids = bytes.encode('<img>é/a</img>', { special: 'image-tags' });
    expect(ids).toEqual([special.imageStart, 0xc3, 0xa9, 0x2f, 0x61, pad, pad, pad, pad, special.imageEnd]);
    expect(bytes.encodeImage('e\u0301/a')).toEqual(ids);
    expect(bytes.decode(ids)).toBe('<img>é/a</img>');
    expect(bytes.decode(ids, { special: 'skip' })).toBe('');
    expect(bytes.encodeImage('')).toEqual([special.imageStart, ...Array(8).fill(pad), special.imageEnd]);
  });

  test('paths up to Q bytes work', () => {
    for (const path of ['1234567', '12345678'])
      expect(bytes.decode(bytes.encodeImage(path))).toBe(`<img>${path}</img>`);
  });

  test.each([
    ['<img>123456789</img>', 'the path of an image has 9 bytes, expected at most 8'],
    ['<img>a', '<img> is not closed'],
    ['<img>a</img><img>', '<img> is not closed'],
    ['<img>a<ref>b</img>', '<ref> inside the path of an image'],
    ['<img><img>b</img>', '<img> inside the path of an image'],
    ['<img><|im_end|></img>', '<|im_end|> inside the path of an image'],
  ])('%s is refused', (text, message) => {
    expect(() => bytes.encode(text, { special: 'all' })).toThrow(TextError);
    expect(() => bytes.encode(text, { special: 'all' })).toThrow(message);
    expect(bytes.decode(bytes.encode(text))).toBe(text);
  });

  test('a name that holds a tag is refused', () => {
    expect(() => bytes.encodeImage('</img>')).toThrow('</img> inside the path');
  });
});

describe('special tokens in text', () => {
  test('only those that were asked for', () => {
    const text = '<|im_end|><img></img><ref><|extra_205|>';
    const found = (special: 'all' | 'image-tags' | 'grounding-tags' | 'none') =>
      bytes.encode(text, { special }).filter((id) => id >= 256 && id !== bytes.special.imagePad).length;
    expect([found('all'), found('image-tags'), found('grounding-tags'), found('none')]).toEqual([4, 3, 1, 0]);
    expect(bytes.encode(text)).toEqual([...new TextEncoder().encode(text)]);
  });

  test('cutting loses nothing and finds all, as replacing each does', () => {
    const part = fc.constantFrom('<', '<|', '|>', '<ref>', '<re', 'f>', '<|im_end|>', '</', 'img>', 'a');
    fc.assert(
      fc.property(fc.array(part, { maxLength: 20 }), (list) => {
        const text = list.join('');
        const parts = splitAtSpecialTokens(text, 'all');
        expect(parts.join('')).toBe(text);
        for (const [index, piece] of parts.entries()) {
          expect(bytes.special.names.includes(piece)).toBe(index % 2 === 1);
          if (index % 2 === 0) for (const name of bytes.special.names) expect(piece).not.toContain(name);
        }
      }),
    );
  });
});

test('text that would take unbounded time or stack is refused', async () => {
  expect(() => bytes.encode('a'.repeat(2 ** 20 + 1))).toThrow('1048577 characters, at most 1048576');
  expect(() => bytes.encode(`a${'\u0300\u0316'.repeat(1000)}`)).toThrow('combining marks');
  expect(bytes.encode(`a${'\u0300\u0316'.repeat(500)}`)).not.toHaveLength(0);
  for (const longest of ['文', '\u{1D160}', '\u0301a'.repeat(2)]) {
    const text = longest.repeat(Math.floor(2 ** 20 / longest.length));
    expect(await processorTime(() => bytes.encode(text))).toBeLessThan(15_000);
  }
});
