import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { createTokenizer } from '../../src/input/text/tokenizer.ts';
import { parseVocabulary } from '../../src/input/text/vocabulary.ts';
import { firstOff } from '../../src/verify/inputs/input-report.ts';
import { PICTURE_WAY, verifyPictures } from '../../src/verify/inputs/picture-golden.ts';
import { promptWay, verifyPrompts } from '../../src/verify/inputs/prompt-golden.ts';
import { realVocabulary } from '../input/vocabularies.ts';
import { byRecipe, FILE_FAULTS } from './faults-files.ts';
import { promptFaults } from './faults-prompts.ts';

const PICTURES = 'golden/preprocess';
const PROMPTS = 'golden/tokenizer';

describe('pictures', () => {
  test.each([
    'wide.png',
    'tall.png',
    'up.png',
    'one.png',
  ])('the recipe that faults change is right for %s', async (file) => {
    const run = await verifyPictures(join(PICTURES, file), { ...PICTURE_WAY, ...byRecipe({}) });
    expect(run.parts.map(({ name, compared, off }) => [name, compared, off])).toEqual(
      ['decode', 'resize', 'normalise', 'together'].map((name) => [name, 1, 0]),
    );
  });

  test.each(FILE_FAULTS)('$name: $says', async ({ how, enters, on = 'wide.png' }) => {
    const run = await verifyPictures(join(PICTURES, on), { ...PICTURE_WAY, ...how(PICTURE_WAY) });
    // Every part begins with the original's input: only the one that is wrong is off, and then all together.
    const off = run.parts.filter((part) => part.off > 0).map(({ name }) => name);
    expect(off[0]).toBe(enters);
    expect(['together', undefined]).toContain(off[1]); // which one level in one byte does not reach
    expect(firstOff(run)!.differences[0].place).toMatch(
      /^row \d+, column \d+, (red|green|blue): |pixels, the original/,
    );
  });
});

describe('prompts', () => {
  const text = realVocabulary();
  const tokenizer = createTokenizer(text, 'qwen.tiktoken');
  const sound = promptWay(tokenizer);

  test('are sound without a fault', async () => {
    const run = await verifyPrompts(PROMPTS, sound);
    expect(run.parts.map(({ name, compared, off }) => [name, compared, off])).toEqual([
      ['ids', 600, 0],
      ['words', 600, 0],
      ['context', 70, 0],
      ['context ids', 70, 0],
    ]);
  });

  const vocabulary = parseVocabulary(text, 'qwen.tiktoken');
  test.each(promptFaults({ tokenizer, vocabulary }))('$name: $says', async ({ how, enters }) => {
    const run = await verifyPrompts(PROMPTS, { ...sound, ...how(sound) });
    const off = firstOff(run)!;
    expect(off.name).toBe(enters);
    expect(off.differences[0].place).toMatch(/^(token|character) \d+: .*the original has /);
  });
});
