import { copyFile, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readConversationLines } from '../../src/data/conversation-lines.ts';
import { createTokenizer } from '../../src/input/text/tokenizer.ts';
import { conversationFile, drawn } from '../../src/train/conversation-file.ts';
import { RECIPES } from '../../src/train/recipes.ts';

let folder: string;
let path: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qvl-'));
  path = join(folder, 'set', 'd.jsonl');
  await mkdir(join(folder, 'set', 'pictures'), { recursive: true });
  await copyFile('golden/tiny/pictures/scene-1.png', join(folder, 'set', 'pictures', '1.png'));
  await copyFile('golden/tiny/pictures/scene-1.png', join(folder, 'outside.png'));
  await writeFile(join(folder, 'set', 'broken.png'), 'no picture');
  await symlink('/dev/zero', join(folder, 'set', 'endless.png'));
});
afterAll(() => rm(folder, { recursive: true }));

const said = (user: string, assistant: string, more: object = {}) =>
  JSON.stringify({
    conversations: [
      { from: 'user', value: user },
      { from: 'assistant', value: assistant },
    ],
    ...more,
  });
const GOOD = said('Picture 1: <img>pictures/1.png</img>\nWhere is it?', '<ref>star</ref><box>(1,2),(999,4)</box>', {
  id: 'x',
});

async function open(...lines: string[]) {
  await writeFile(path, `${lines.join('\n')}\n`);
  const tokenizer = createTokenizer(await readFile('golden/tiny/qwen.tiktoken', 'utf8'), 'tiny', 16);
  return conversationFile(path, tokenizer, 200, 1);
}

test('conversations are learned as the released script masks them, whatever their pictures are called', async () => {
  const { data, size } = await open(GOOD, '', said('Hello', 'Hi'));
  expect(size).toBe(2);
  const batch = await data.batch('stage-3', 1, { ...RECIPES.small['stage-3'], batch: 2 }, 112);
  expect([batch.images, batch.pixels.length]).toEqual([1, 3 * 112 * 112]);
  const withPicture = batch.sequences.find(({ ids }) => ids.includes(765))!;
  const at = withPicture.ids.indexOf(765);
  // Nothing of a path, which could be too long for the rows, and nothing of them is supervised.
  expect([...withPicture.ids.subarray(at + 1, at + 18)]).toEqual([...Array(16).fill(767), 766]);
  expect(withPicture.labels.subarray(at, at + 18).every((label) => label < 0)).toBe(true);
});

test('a picture is decoded once, however often it is learned from', async () => {
  const other = join(folder, 'set', 'once.png');
  await copyFile('golden/tiny/pictures/scene-2.png', other);
  const { data } = await open(said('<img>once.png</img>What?', 'x'), GOOD);
  const step = (number: number) => data.batch('stage-3', number, { ...RECIPES.small['stage-3'], batch: 2 }, 112);
  const before = await step(1);
  await rm(other);
  const after = await step(2);
  const pictures = ({ pixels }: typeof before) =>
    [0, 1].map((i) => Buffer.from(pixels.slice((i * pixels.length) / 2, ((i + 1) * pixels.length) / 2).buffer));
  expect(pictures(after).map(String).sort()).toEqual(pictures(before).map(String).sort());
  // At another size it would have to be read again.
  await expect(data.batch('stage-1', 1, { ...RECIPES.small['stage-1'], batch: 2 }, 56)).rejects.toThrow('once.png');
});

describe('what is wrong is named with its line', () => {
  test.each([
    ['{', 'it is not JSON'],
    ['[]', 'it has no conversations'],
    ['{"conversations": []}', 'it has no conversations'],
    ['{"conversations": [{"from": "human", "value": "x"}]}', 'message 1 is'],
    ['{"conversations": [{"from": "user", "value": 7}]}', 'message 1 is'],
    ['{"conversations": [{"from": "assistant", "value": "x"}]}', 'does not begin with the user'],
    ['{"conversations": [{"from": "user", "value": "x"}]}', 'no answer is supervised'],
    [said('x', ''), 'no answer is supervised'],
    [said('<img>gone.png</img>', 'x'), 'there is no picture'],
    [said('<img>pictures</img>', 'x'), 'there is no picture'],
    [said('<img>endless.png</img>', 'x'), 'there is no picture'],
    [said('<img></img>', 'x'), 'a picture has no name'],
    [said('<img>../outside.png</img>', 'x'), 'not in the folder of the file'],
    [said('<img>/etc/passwd</img>', 'x'), 'not in the folder of the file'],
    [said('<img>pictures/../../outside.png</img>', 'x'), 'not in the folder of the file'],
    [said('<img>pictures/1.png', 'x'), '<img> is not closed'],
    [said('x', '<box>(1,2),(3,1000)</box>'), 'numbers that are not integers 0 … 999'],
    [said('x', '<box>(1,2),(3)</box>'), '3 numbers, expected 4'],
    [said('<quad>(1,2)</quad>', 'y'), '2 numbers, expected 8'],
    [said('x', 'y'.repeat(500)), 'tokens, expected at most 200'],
    [said('<img>pictures/1.png</img>'.repeat(65), 'x'), '65 pictures'],
  ])('%s', async (line, message) => {
    const error = await open(GOOD, line).catch((error) => error);
    expect(error.message).toContain(`${path}, line 2: `);
    expect(error.message).toContain(message);
    expect(error.message).not.toContain('\n');
  });

  test('a picture that cannot be decoded, when its turn comes', async () => {
    const { data } = await open(said('<img>broken.png</img>', 'x'));
    const error = await data
      .batch('stage-3', 1, { ...RECIPES.small['stage-3'], batch: 1 }, 112)
      .catch((error) => error);
    expect(error.message).toContain(`${path}, line 1: `);
    expect(error.message).toContain('broken.png');
  });

  test('a file without any', async () => {
    await writeFile(path, '\n\n');
    await expect(readConversationLines(path)).rejects.toThrow('it has no conversation');
  });
});

test('every conversation is drawn once before one comes again, in an order of its own', () => {
  const all = Array.from({ length: 12 }, (_, i) => drawn(10, 5, i + 1, 1));
  const rounds = Array.from({ length: 6 }, (_, round) => [...all[2 * round], ...all[2 * round + 1]]);
  for (const round of rounds) expect([...round].sort((a, b) => a - b)).toEqual([...Array(10).keys()]);
  expect(new Set(rounds.map(String)).size).toBe(6);
  expect(drawn(10, 20, 1, 1)).toEqual([...rounds[0], ...rounds[1]]);
  expect(drawn(10, 5, 1, 2)).not.toEqual(all[0]);
});
