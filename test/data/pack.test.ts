import { expect, test } from 'vitest';
import { packSamples } from '../../src/data/pack.ts';
import { type Sample, textOf } from '../../src/data/samples/sample.ts';

const picture = { width: 1, height: 1, data: new Uint8Array(3) };
const sample = (task: string, name: string, form: 'completion' | 'conversation' = 'completion'): Sample => ({
  ...{ task, language: 'English', pictures: [picture] },
  said:
    form === 'completion'
      ? { form, parts: [{ prompt: '<img>1</img>', target: name }] }
      : { form, messages: [{ from: 'user', value: `<img>1</img>${name}` }] },
});
const tokens = (given: Sample) => textOf(given).replace(/<img>\d+<\/img>/g, '').length;

test('samples of one task are joined until a pack is full, each in the first that has room', () => {
  const packs = packSamples(
    [
      sample('a', 'four'),
      sample('b', 'six...'),
      sample('a', 'seven..'),
      sample('a', 'three'),
      sample('b', 'four'),
      sample('a', 'two'),
    ],
    ...([10, tokens] as const),
  );
  expect(packs.map(({ task, said }) => [task, textOf({ said })])).toEqual([
    ['a', '<img>1</img>four<img>2</img>three'],
    ['b', '<img>1</img>six...<img>2</img>four'],
    ['a', '<img>1</img>seven..<img>2</img>two'],
  ]);
  expect(packs.map(({ pictures }) => pictures.length)).toEqual([2, 2, 2]);
});

test('conversations and what is too long stay alone', () => {
  const given = [
    sample('a', 'hello', 'conversation'),
    sample('a', 'hello', 'conversation'),
    sample('a', 'x'.repeat(99)),
  ];
  expect(packSamples([...given, sample('a', 'y')], 10, tokens)).toEqual([...given, sample('a', 'y')]);
});
