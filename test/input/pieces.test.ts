import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { TextError } from '../../src/error.ts';
import type { Region, Shape } from '../../src/input/boxes/grounding.ts';
import { countPictures, decodePieces, formatPieces, isPlain, parsePieces } from '../../src/input/prompt/pieces.ts';
import { chatPrompt, type Piece, rawPrompt } from '../../src/input/prompt/prompt.ts';
import { createTokenizer } from '../../src/input/text/tokenizer.ts';
import { hostileTexts, visitedCharacters } from './visited.ts';
import { readText } from './vocabularies.ts';

const tokenizer = createTokenizer(readText('golden/tiny/qwen.tiktoken'), 'qwen.tiktoken', 16);
const box: Shape = [
  [1, 2],
  [30, 40],
];
const region: Region = { ref: 'bees', shapes: [box] };

const coordinate = fc.nat(999);
const point = fc.tuple(coordinate, coordinate);
const anyBox = fc.tuple(point, point).map(
  ([[a, b], [c, d]]): Shape => [
    [Math.min(a, c), Math.min(b, d)],
    [Math.max(a, c), Math.max(b, d)],
  ],
);
const shapes = fc.array(fc.oneof(anyBox, fc.tuple(point, point, point, point)), { maxLength: 3 });
/** Whole characters, as the tokenizer keeps them. */
const words = fc.string({ unit: 'grapheme', maxLength: 8 }).map((text) => text.normalize('NFC'));
const typed = fc.oneof(words, fc.constantFrom(...tokenizer.special.names, '<img>a</img>', '<', 'ref>'));
const image = fc.record({
  image: words.filter((path) => isPlain(path) && new TextEncoder().encode(path).length <= 16),
});

/** Pieces as the parser makes them: no empty words, no words after words, no nameless shapes right after other shapes. */
function piecesOf(text: fc.Arbitrary<string>): fc.Arbitrary<Piece[]> {
  const piece = fc.oneof(
    fc.record({ text: text.filter((words) => words !== '') }),
    image,
    image.map(({ image }): Piece => ({ image, numbered: false })),
    fc.record({ ref: words.filter(isPlain), shapes }),
    fc.record({ ref: fc.constant(null), shapes: shapes.filter((list) => list.length > 0) }),
  );
  return fc.array(piece, { maxLength: 6 }).map((list) =>
    list.filter((piece, index) => {
      const before = list[index - 1];
      if (before && 'text' in before) return !('text' in piece);
      return !(before && 'shapes' in before && 'shapes' in piece && piece.ref === null);
    }),
  );
}

describe('pieces and text', () => {
  test('a message is written as the original writes it', () => {
    const pieces: Piece[] = [
      { image: 'a.png' },
      { image: 'b.png' },
      { text: 'Where are the ' },
      region,
      { image: 'c', numbered: false },
    ];
    const text =
      'Picture 1: <img>a.png</img>\nPicture 2: <img>b.png</img>\n' +
      'Where are the <ref>bees</ref><box>(1,2),(30,40)</box><img>c</img>';
    expect(formatPieces(pieces)).toBe(text);
    expect(parsePieces(text)).toEqual(pieces);
    expect(countPictures(pieces)).toBe(3);
  });

  test('pieces come back from their text', () => {
    fc.assert(
      fc.property(piecesOf(words.filter(isPlain)), fc.integer({ min: 1, max: 1000 }), (pieces, firstPicture) => {
        expect(parsePieces(formatPieces(pieces, { firstPicture }), { firstPicture })).toEqual(pieces);
      }),
      { numRuns: 500 },
    );
  });

  const hostile = fc
    .array(
      fc.oneof(
        fc.constantFrom('<ref>', '</ref>', '<box>', '</box>', '<quad>', '</quad>', '<img>', '</img>', '<imgpad>'),
        fc.constantFrom('(1,2),(3,4)', '(9,2),(3,4)', '(01,2),(3,4)', '(1,2),(3,4),(5,6),(7,8)', '(1000,2),(3,4)'),
        fc.constantFrom('Picture 1: ', 'Picture 2: ', '\n', '<', '<|im_end|>', 'a', '<ref>a</ref>'),
      ),
      { maxLength: 14 },
    )
    .map((parts) => parts.join(''));

  test('every text comes back from its pieces, whatever is wrong with it', () => {
    fc.assert(
      fc.property(fc.oneof(hostile, fc.string({ unit: 'binary' })), (text) => {
        expect(formatPieces(parsePieces(text), { allowSpecial: true })).toBe(text);
      }),
      { numRuns: 2000 },
    );
  });

  test.each([
    ['<img>a', 'an image that is not closed'],
    ['<img>a<ref></img>', 'a tag in a path'],
    ['<box>(3,4),(1,2)</box>', 'swapped corners'],
    ['<box>(1,2),(3,1000)</box>', 'a number that is too large'],
    ['<box>( 1,2),(3,4)</box>', 'a space'],
    ['<box>(1,2),(3,4)</quad>', 'the wrong end'],
    ['<quad>(1,2),(3,4)</quad>', 'too few points'],
    ['</ref>', 'an end alone'],
  ])('%s stays words: %s', (text) => {
    expect(parsePieces(text)).toEqual([{ text }]);
  });

  test('an introduction with another number is words', () => {
    const text = 'Picture 2: <img>a</img>\n';
    expect(parsePieces(text)).toEqual([{ text: 'Picture 2: ' }, { image: 'a', numbered: false }, { text: '\n' }]);
    expect(parsePieces(text, { firstPicture: 2 })).toEqual([{ image: 'a' }]);
  });

  test('nothing becomes a tag by being written', () => {
    for (const pieces of [
      [{ text: '<ref>' }],
      [{ text: '<re' }, { text: 'f>' }],
      [{ text: '<re' }, { ref: null, shapes: [] }, { text: 'f>' }],
      [{ text: '<|im_end|>' }],
      [{ image: '<|im_end|>' }],
      [{ ref: '<|im_end|>', shapes: [] }],
      [{ ref: 'a</ref>', shapes: [] }],
    ]) {
      expect(() => formatPieces(pieces)).toThrow(TextError);
    }
    expect(formatPieces([{ text: '<re' }, { text: 'f>' }], { allowSpecial: true })).toBe('<ref>');
    fc.assert(
      fc.property(fc.array(fc.record({ text: typed }), { maxLength: 5 }), (pieces) => {
        try {
          expect(isPlain(formatPieces(pieces))).toBe(true);
        } catch (error) {
          expect(error).toBeInstanceOf(TextError);
        }
      }),
    );
  });

  test('hostile texts are gone through a bounded number of times', () => {
    for (const text of hostileTexts) {
      const visited = visitedCharacters(() => void parsePieces(text));
      expect(visited / text.length, text.slice(0, 20)).toBeGreaterThan(0.9);
      expect(visited / text.length, text.slice(0, 20)).toBeLessThan(12);
    }
  });
});

describe('pieces and ids', () => {
  test('pieces come back from their ids, also words that look like tags', () => {
    fc.assert(
      fc.property(piecesOf(typed), (pieces) => {
        expect(decodePieces(tokenizer, rawPrompt(tokenizer, pieces).ids)).toEqual(pieces);
      }),
      { numRuns: 500 },
    );
  });

  test('the text of pieces has their ids', () => {
    fc.assert(
      fc.property(piecesOf(words.filter(isPlain)), (pieces) => {
        // Written behind a tag, U+0338 would be composed with its ">".
        fc.pre(!JSON.stringify(pieces).includes('\u0338'));
        const text = formatPieces(pieces);
        expect(rawPrompt(tokenizer, text, { allowSpecial: true })).toEqual(rawPrompt(tokenizer, pieces));
        expect(tokenizer.decode(rawPrompt(tokenizer, pieces).ids)).toBe(text);
      }),
      { numRuns: 300 },
    );
  });

  test('pictures are numbered on through the turns, in all three forms', () => {
    const first: Piece[] = [{ image: 'a' }, { image: 'b' }, { text: 'What?' }];
    const second: Piece[] = [{ image: 'c' }, { text: 'And here?' }];
    const firstPicture = 1 + countPictures(first);
    const { ids } = chatPrompt(tokenizer, { history: [{ user: first, assistant: 'A cat.' }], query: second });
    expect(tokenizer.decode(ids)).toContain(formatPieces(first));
    expect(tokenizer.decode(ids)).toContain(`Picture 3: <img>c</img>\nAnd here?`);
    expect(formatPieces(second, { firstPicture })).toBe('Picture 3: <img>c</img>\nAnd here?');
    expect(parsePieces(formatPieces(second, { firstPicture }), { firstPicture })).toEqual(second);
    expect(decodePieces(tokenizer, ids).filter((piece) => 'image' in piece)).toEqual([
      { image: 'a' },
      { image: 'b' },
      { image: 'c' },
    ]);
  });

  test('any ids give pieces, and those their text', () => {
    const { special, size } = tokenizer;
    const id = fc.oneof(fc.integer({ min: special.refStart, max: special.imagePad }), fc.nat(size + 3), fc.double());
    fc.assert(
      fc.property(fc.array(id, { maxLength: 20 }), (ids) => {
        const pieces = decodePieces(tokenizer, ids);
        expect(formatPieces(pieces, { allowSpecial: true })).toBe(tokenizer.decode(ids));
      }),
      { numRuns: 1000 },
    );
  });
});
