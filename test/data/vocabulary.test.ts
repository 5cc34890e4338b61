import { expect, test } from 'vitest';
import { trainVocabulary } from '../../src/data/vocabulary/train.ts';
import { createTokenizer } from '../../src/input/text/tokenizer.ts';
import { formatVocabulary } from '../../src/input/text/vocabulary.ts';

test('what comes most often together becomes a token first', () => {
  // hug ×10, pug ×5, pun ×12, bun ×4, hugs ×5: the example of Sennrich et al.'s algorithm in many textbooks.
  const words = { hug: 10, pug: 5, pun: 12, bun: 4, hugs: 5 };
  const texts = Object.entries(words).flatMap(([word, count]) => Array.from({ length: count }, () => word));
  const { tokens } = trainVocabulary(texts, 259);
  expect(tokens.slice(256)).toEqual(['ug', 'un', 'hug']);
});

test('texts come back, special tokens are no part, and no token crosses a piece', () => {
  const texts = Array.from({ length: 9 }, () => '一只猫 and a cat<|endoftext|><img>1</img>12');
  const vocabulary = trainVocabulary(texts, 400);
  const all = vocabulary.tokens.slice(256);
  expect(all.some((token) => token.includes('<') || token.includes('img') || token === '12')).toBe(false);
  const tokenizer = createTokenizer(formatVocabulary(vocabulary), 'made', 16);
  expect(tokenizer.decode(tokenizer.encode('a 猫 cat!'))).toBe('a 猫 cat!');
  expect(tokenizer.encode('一只猫 and a cat')).toHaveLength(4);
  // There is nothing more to join: it ends before it has as many as it may.
  expect(vocabulary.tokens.length).toBeLessThan(300);
});
