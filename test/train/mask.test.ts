import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { createTokenizer } from '../../src/input/text/tokenizer.ts';
import { conversationSequence, IGNORED, type Message, taskSequence } from '../../src/train/mask.ts';
import { realVocabulary } from '../input/vocabularies.ts';

interface Golden {
  readonly cases: readonly {
    readonly system: string;
    readonly max_len: number;
    readonly conversations: readonly Message[];
    readonly ids: readonly number[];
    readonly labels: readonly number[];
  }[];
}
const golden = JSON.parse(readFileSync('golden/train/sft-mask.json', 'utf8')) as Golden;
const tokenizer = createTokenizer(realVocabulary(), 'qwen.tiktoken');

test('ids and labels of 40 conversations are those of the released script', () => {
  for (const { system, max_len: longest, conversations, ids, labels } of golden.cases) {
    const sequence = conversationSequence(tokenizer, conversations, { system, longest });
    expect({ ids: [...sequence.ids], labels: [...sequence.labels] }, conversations[0].value).toEqual({ ids, labels });
  }
  expect(golden.cases).toHaveLength(40);
});

test('of a multi-task sample the target alone is supervised', () => {
  const sample = { task: 'visual question answering', image: 'a.png', question: 'How many?', answer: 'Two' } as const;
  const { ids, labels } = taskSequence(tokenizer, sample);
  const supervised = [...labels].filter((label) => label !== IGNORED);
  expect(tokenizer.decode(supervised)).toContain('Two');
  expect(supervised).toEqual([...ids].slice(-supervised.length));
  expect(supervised.at(-1)).toBe(tokenizer.special.endOfText);
  expect(tokenizer.decode([...ids].slice(0, -supervised.length))).toMatch(/Answer:$/);
});
