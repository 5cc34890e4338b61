import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { TextError } from '../../src/error.ts';
import { createTokenizer } from '../../src/input/text/tokenizer.ts';
import { parseVocabulary } from '../../src/input/text/vocabulary.ts';
import { smallVocabulary } from './vocabularies.ts';

describe('a file of a vocabulary', () => {
  const valid = smallVocabulary('ab').split('\n');
  const withLine = (index: number, line: string) => valid.with(index, line).join('\n');

  test.each([
    ['', 'there is no token for the byte 0x00'],
    [withLine(3, 'AA*= 3'), 'line 4: "AA*= 3" is not a token in base64, a space and a rank'],
    [withLine(3, 'Aw= 3'), 'line 4: "Aw= 3" is not a token'],
    [withLine(3, 'Aw== three'), 'line 4: "Aw== three" is not a token'],
    [withLine(3, 'Aw== -3'), 'line 4: "Aw== -3" is not a token'],
    [withLine(3, 'Aw== 9999999'), 'line 4: rank 9999999, expected below 1048576'],
    [withLine(3, 'Aw== 2'), 'line 4: rank 2 was given to an earlier token'],
    [withLine(3, 'Ag== 3'), 'line 4: the token of rank 3 has rank 2 already'],
    [withLine(3, 'Aw== 700'), 'line 4: rank 700, but the file has 257 tokens: expected ranks 0 to 256'],
    [withLine(3, 'AAAA 3'), 'there is no token for the byte 0x03'],
    [withLine(3, `${'A'.repeat(1e6)} 3`), 'line 4: "AAAA'],
  ])('%# a bad vocabulary is refused with its line', (text, message) => {
    expect(() => createTokenizer(text, 'qwen.tiktoken')).toThrow(TextError);
    expect(() => createTokenizer(text, 'qwen.tiktoken')).toThrow(message);
  });

  test('order, blank lines and line ends are free', () => {
    const { tokens } = parseVocabulary(`\r\n${valid.toReversed().join('\r\n')}`, 'test');
    expect(tokens).toEqual(parseVocabulary(valid.join('\n'), 'test').tokens);
  });

  test('the mark of UTF-8 that editors put before a file is passed over, anywhere else it is no token', () => {
    const text = valid.join('\n');
    expect(parseVocabulary(`\uFEFF${text}`, 'test').tokens).toEqual(parseVocabulary(text, 'test').tokens);
    expect(() => parseVocabulary(withLine(3, '\uFEFFAw== 3'), 'test')).toThrow('line 4: ');
  });

  test('any file gives a vocabulary or a TextError', () => {
    const line = fc.oneof(fc.string(), fc.constantFrom(...valid), fc.constantFrom('AA== 0 ', 'AA== 1e3', '= 5', ' '));
    fc.assert(
      fc.property(fc.array(line), fc.boolean(), (lines, appended) => {
        try {
          const text = (appended ? [...valid, ...lines] : lines).join('\n');
          expect(parseVocabulary(text, 'test').tokens.length).toBeGreaterThanOrEqual(256);
        } catch (error) {
          expect(error).toBeInstanceOf(TextError);
        }
      }),
    );
  });
});
