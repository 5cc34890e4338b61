import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bytesOf, createTextStream, type TextStreamOptions } from '../../src/input/text/text-stream.ts';
import { createTokenizer } from '../../src/input/text/tokenizer.ts';
import { smallVocabulary } from './vocabularies.ts';

// Tokens that begin and end inside characters: the last bytes of 图, the first two of 猫, the first three of 😀.
const tokens = ['ab', '\x9b\xbe', '\xe7\x8c', '\xf0\x9f\x98', '\x80!', '\xef\xbb\xbf'];
const tokenizer = createTokenizer(smallVocabulary(...tokens), 'test', 4);
const { special, size } = tokenizer;

function stream(ids: readonly number[], options?: TextStreamOptions): string[] {
  const output = createTextStream(tokenizer, options);
  return [...ids.map((id) => output.push(id)), output.end()];
}

const anyIds = fc.array(fc.oneof(fc.nat(size + 5), fc.integer({ min: 128, max: 262 })), { maxLength: 30 });

describe('streaming', () => {
  test('a character is held until its last byte', () => {
    expect(stream([0xe5, 257, 259, 0x80])).toEqual(['', '图', '', '😀', '']);
    expect(stream([0xe5, 0x9b])).toEqual(['', '', '\uFFFD']);
    expect(stream([258, 256])).toEqual(['', '\uFFFDab', '']);
  });

  test('equals the decoding of all bytes at once, for any ids outside images', () => {
    const withoutImages = anyIds.filter((ids) => !ids.includes(special.imageStart));
    fc.assert(
      fc.property(withoutImages, (ids) => {
        const bytes = bytesOf(ids.map((id) => tokenizer.binary(id) ?? '\xef\xbf\xbd').join(''));
        const whole = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);
        expect(stream(ids).join('')).toBe(whole);
        expect(tokenizer.decode(ids)).toBe(whole);
      }),
      { numRuns: 1000 },
    );
  });

  test('never returns half a character, and equals decode, for any ids', () => {
    fc.assert(
      fc.property(anyIds, fc.constantFrom('show' as const, 'skip' as const), (ids, use) => {
        const parts = stream(ids, { special: use });
        for (const part of parts) expect(part).not.toMatch(/\p{Surrogate}/u);
        expect(parts.join('')).toBe(tokenizer.decode(ids, { special: use }));
      }),
    );
  });

  test('bytes that are no UTF-8 are replaced as Python does', () => {
    // [bytes, what bytes.decode('utf-8', errors='replace') gives]
    const cases: [number[], string][] = [
      [[0x61, 0x80, 0x62], 'a\uFFFDb'],
      [[0xe2, 0x82, 0x41], '\uFFFDA'],
      [[0xc0, 0xaf], '\uFFFD\uFFFD'],
      [[0xed, 0xa0, 0x80], '\uFFFD\uFFFD\uFFFD'],
      [[0xf0, 0x80, 0x80, 0x41], '\uFFFD\uFFFD\uFFFDA'],
      [[0xf0, 0x9f, 0x98], '\uFFFD'],
      [[0xf5, 0x80], '\uFFFD\uFFFD'],
      [[0xef, 0xbb, 0xbf, 0x41], '\uFEFFA'],
    ];
    for (const [bytes, text] of cases) {
      expect(stream(bytes).join('')).toBe(text); // the small vocabulary's first 256 tokens are the bytes
    }
  });

  test('can be used again after its end', () => {
    const output = createTextStream(tokenizer);
    output.push(special.imageStart);
    output.push(0xe5);
    output.end();
    expect(output.push(256) + output.end()).toBe('ab');
  });
});

describe('special tokens', () => {
  const answer = [special.refStart, 256, special.refEnd, 0x21, special.imEnd];

  test('are spelled out or left out; stops are never shown', () => {
    expect(stream(answer).join('')).toBe('<ref>ab</ref>!<|im_end|>');
    expect(stream(answer, { hidden: [special.imEnd] }).join('')).toBe('<ref>ab</ref>!');
    expect(stream(answer, { special: 'skip' }).join('')).toBe('ab!');
  });

  test('one inside a character ends it, unless left out', () => {
    const ids = [0xe5, special.boxStart, 257];
    expect(stream(ids).join('')).toBe('\uFFFD<box>\uFFFD\uFFFD');
    expect(stream(ids, { special: 'skip' }).join('')).toBe('图');
  });

  test('an id without a token is replaced', () => {
    expect(stream([256, size, -1, 0.5, 256]).join('')).toBe('ab\uFFFD\uFFFD\uFFFDab');
  });

  test('an image that is never closed ends with its path', () => {
    const { imageStart, imagePad } = special;
    expect(stream([imageStart, 0x61, 256, imagePad]).join('')).toBe('<img>aab<imgpad>');
    expect(stream([imageStart, 0x61, imagePad, 0x61]).join('')).toBe('<img>aa');
  });
});
