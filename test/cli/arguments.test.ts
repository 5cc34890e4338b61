import { readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { readArguments, refuseOthers } from '../../src/cli/arguments.ts';
import { OPTIONS, type Options, TAKEN_BY } from '../../src/cli/options.ts';
import { answerOptions } from '../../src/cli/sampling.ts';

const NUMBERS = Object.entries(OPTIONS).filter(([name]) =>
  /^(threads|memory|tokens|seed|temperature|top-|repetition|min-|max-)/.test(name),
);

test('commands, words and options are told apart', () => {
  expect(readArguments([])).toEqual({ command: 'demo', words: [], options: {} });
  expect(
    readArguments(['ask', 'a.png', '-o', 'x', 'What?', '--stop', 'a', '--stop=b', '--debug', '--', '-5 + 3?']),
  ).toEqual({
    command: 'ask',
    words: ['a.png', 'What?', '-5 + 3?'],
    options: { output: 'x', stop: ['a', 'b'], debug: true },
  });
});

test('a value may begin with one dash', () => {
  expect(NUMBERS.length).toBe(10);
  for (const [name] of NUMBERS) expect(readArguments([`--${name}`, '-1']).options).toEqual({ [name]: '-1' });
  expect(readArguments(['-o', '-1.png', '--stop', '-', '--stop', '-x', '--stop=--']).options).toEqual({
    output: '-1.png',
    stop: ['-', '-x', '--'],
  });
});

test.each([
  [['--fast'], '--fast: there is no such option'],
  [['ask', '-5 + 3?'], '-5: there is no such option; see "qvl help"; words with a dash come after "--"'],
  [['--top-k'], '--top-k: it needs a value'],
  [['--top-k', '--seed', '3'], '--top-k: it needs a value; put it behind the option, or write --top-k=--seed'],
  [['-o', '-h'], '-o: it needs a value'],
  [['--debug=1'], '--debug: "1", it takes no value'],
  [['--seed', '1', '--seed=2'], '--seed: it is given twice'],
  [['--constructor'], '--constructor: there is no such option'],
])('%j is refused', (args, message) => {
  expect(() => readArguments(args)).toThrow(message);
});

test.each([
  [{ 'top-k': '-1' }, '--top-k: -1, expected a whole number, 0 for no limit'],
  [{ temperature: '-0.5' }, '--temperature: -0.5, expected a number from 0'],
  [{ 'top-p': '1.1' }, '--top-p: 1.1, expected'],
  [{ seed: '-3' }, '--seed: -3, expected a whole number'],
  [{ 'max-new-tokens': '-3' }, '--max-new-tokens: "-3", expected a whole number from 1'],
  [{ 'min-new-tokens': '1.5' }, '--min-new-tokens: 1.5, expected a whole number'],
  [{ 'repetition-penalty': '0' }, '--repetition-penalty: 0, expected'],
  [{ temperature: 'hot' }, '--temperature: "hot", expected a number'],
])('what cannot be is refused by the name of the option: %j', (options, message) => {
  expect(() => answerOptions(options)).toThrow(message);
});

describe('an option of another command', async () => {
  // What a command heeds is what its files, or those that it hands its options to, read.
  const help = await readFile('src/cli/commands.ts', 'utf8');
  const commands = [...help.matchAll(/^ {2}(\w+): async .*\)\.run\w+,$/gm)].map(([, name]) => name);

  test('the table knows the commands, and every option has one', () => {
    expect(commands.length).toBe(14);
    for (const takers of Object.values(TAKEN_BY)) {
      if (takers === 'all') continue;
      expect(takers.length).toBeGreaterThan(0);
      for (const taker of takers) expect(commands).toContain(taker);
    }
  });

  test.each(Object.keys(TAKEN_BY) as (keyof Options)[])('--%s is refused by name', (name) => {
    const takers = TAKEN_BY[name];
    for (const command of [...commands, 'help']) {
      const check = () => refuseOthers(command, { [name]: 'x' });
      if (takers === 'all' || takers.includes(command)) expect(check).not.toThrow();
      else expect(check).toThrow(new RegExp(`^--${name}: "qvl.*" (alone )?does not take it; it is for "qvl`));
    }
  });
});
