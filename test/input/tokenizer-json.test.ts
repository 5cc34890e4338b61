import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { runTokenizer } from '../../src/cli/tokenizer.ts';
import { InputError, TextError } from '../../src/error.ts';
import { parseTokenizerJson } from '../../src/input/text/tokenizer-json.ts';
import { formatVocabulary, parseVocabulary, publishedVocabulary } from '../../src/input/text/vocabulary.ts';
import { realVocabulary, smallVocabulary } from './vocabularies.ts';

/** The bytes in the alphabet of GPT-2, in the order of the published ranks: printable ones as themselves, then the rest. */
const alphabet = (() => {
  const bytes = Array.from({ length: 256 }, (_, byte) => byte);
  const printable = bytes.filter((byte) => (byte >= 33 && byte <= 126) || (byte >= 161 && byte !== 173));
  const others = bytes.filter((byte) => !printable.includes(byte));
  return [...printable, ...others.map((_, index) => 256 + index)].map((code) => String.fromCharCode(code));
})();
const ranked = (tokens: readonly string[]) => Object.fromEntries(tokens.map((token, rank) => [token, rank]));
const file = (vocab: unknown) => JSON.stringify({ model: { vocab } });
const valid = ranked(alphabet);

describe('a tokenizer.json', () => {
  test('of the package gives the published file, byte for byte', () => {
    const text = realVocabulary();
    expect(createHash('sha256').update(text).digest('hex')).toBe(publishedVocabulary.sha256);
    expect(text.trimEnd().split('\n')).toHaveLength(publishedVocabulary.ranks);
  });

  test('writes a space as Ġ and a newline as Ċ', () => {
    const { tokens } = parseTokenizerJson(file(ranked([...alphabet, 'Ġthe', 'ĊĊ', 'âĢĻ'])), 'test');
    expect(tokens.slice(256)).toEqual([' the', '\n\n', '\xe2\x80\x99']);
    expect(new Set(tokens.slice(0, 256)).size).toBe(256);
  });

  test('gives the ranks that were put into it', () => {
    const token = fc.string({ unit: fc.constantFrom(...alphabet), minLength: 2, maxLength: 5 });
    fc.assert(
      fc.property(fc.uniqueArray(token, { maxLength: 20 }), (more) => {
        const { tokens, ranks } = parseTokenizerJson(file(ranked([...alphabet, ...more])), 'test');
        expect(tokens.map((token) => token.length)).toEqual([...alphabet, ...more].map((token) => token.length));
        expect(tokens.map((token) => ranks.get(token))).toEqual(tokens.map((_, rank) => rank));
        const written = formatVocabulary({ tokens, ranks, longest: 0 });
        expect(parseVocabulary(written, 'test').tokens).toEqual(tokens);
      }),
      { numRuns: 30 },
    );
  });

  test.each([
    ['', 'test: it is not JSON'],
    ['['.repeat(100_000), 'test: it nests lists and objects more than 64 deep'],
    ['null', 'model.vocab is nothing, expected an object'],
    ['{"model":{"vocab":["a"]}}', 'model.vocab is a list'],
    ['{"__proto__":{"model":{"vocab":{}}}}', 'model.vocab is nothing'],
    [file({}), 'there is no token for the byte 0x00'],
    [file({ ...valid, 'a b': 256 }), 'token "a b": " " stands for no byte'],
    [file({ ...valid, ab: -1 }), 'token "ab": rank -1, expected a whole number'],
    [file({ ...valid, ab: '256' }), 'rank "256", expected a whole number'],
    [file({ ...valid, ab: 0.5 }), 'rank 0.5, expected'],
    [file({ ...valid, ab: 1e9 }), 'rank 1000000000, expected below 1048576'],
    [file({ ...valid, ab: 7 }), 'token "ab": rank 7 was given to an earlier token'],
    [file({ ...valid, ab: 257 }), 'token "ab": rank 257, but the file has 257 tokens'],
    [file({ ...valid, '': 256 }), '0 characters, expected 1 to 4096'],
    [file({ ...valid, ['a'.repeat(5000)]: 256 }), '5000 characters, expected 1 to 4096'],
  ])('%# that is none is refused', (text, message) => {
    expect(() => parseTokenizerJson(text, 'test')).toThrow(TextError);
    expect(() => parseTokenizerJson(text, 'test')).toThrow(message);
  });

  test('any JSON gives a vocabulary or a TextError', () => {
    const vocab = fc.oneof(fc.dictionary(fc.string(), fc.jsonValue()), fc.jsonValue());
    fc.assert(
      fc.property(vocab, fc.boolean(), (vocab, added) => {
        try {
          const merged = added && typeof vocab === 'object' ? { ...valid, ...vocab } : vocab;
          expect(parseTokenizerJson(file(merged), 'test').tokens.length).toBeGreaterThanOrEqual(256);
        } catch (error) {
          expect(error).toBeInstanceOf(TextError);
        }
      }),
    );
  });
});

describe('qvl tokenizer', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'qvl-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  async function printed(words: string[], options: Parameters<typeof runTokenizer>[1]): Promise<string> {
    let text = '';
    const write = vi.spyOn(process.stdout, 'write').mockImplementation((piece) => {
      text += String(piece);
      return true;
    });
    try {
      await runTokenizer(words, options);
      return text;
    } finally {
      write.mockRestore();
    }
  }

  test('writes the published file, and never over another', async () => {
    const output = join(folder, 'qwen.tiktoken');
    await printed([], { output });
    expect(await readFile(output, 'utf8')).toBe(realVocabulary());
    await writeFile(output, 'mine');
    await expect(runTokenizer([], { output })).rejects.toThrow('it is there already; choose another file with -o');
    expect(await readFile(output, 'utf8')).toBe('mine');
  });

  test('refuses a vocabulary that is not the published one, and writes nothing', async () => {
    const [source, output] = [join(folder, 'tokenizer.json'), join(folder, 'none.tiktoken')];
    await writeFile(source, file(valid));
    await expect(runTokenizer([source], { output })).rejects.toThrow(
      /256 ranks with SHA-256 .* expected the published/,
    );
    await expect(readFile(output)).rejects.toThrow('ENOENT');
    await expect(runTokenizer([join(folder, 'missing.json')], { output })).rejects.toThrow(InputError);
    await expect(runTokenizer(['a', 'b'], { output })).rejects.toThrow('2 files; give one');
  });

  test('shows tokens and their text', async () => {
    const model = await mkdtemp(join(folder, 'model-'));
    await writeFile(join(model, 'qwen.tiktoken'), smallVocabulary('ab', '\xe5\x9b\xbe'));
    expect(await printed([], { model, encode: '图\nabé' })).toBe(
      '   257  "图"\n    10  "\\n"\n   256  "ab"\n   195  c3\n   169  a9\n',
    );
    expect(await printed([], { model, decode: '[256, 257] 33' })).toBe('ab图!\n');
    await expect(runTokenizer([], { model, decode: '1 9999' })).rejects.toThrow('"9999", expected ids from 0 to 474');
    await expect(runTokenizer(['b'], { model, encode: 'a' })).rejects.toThrow('put the text in quotes');
  });
});
