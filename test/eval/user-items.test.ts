import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { userItems } from '../../src/eval/user-items.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qvl-'));
  await copyFile('golden/tiny/pictures/scene-1.png', join(folder, '1.png'));
});
afterAll(() => rm(folder, { recursive: true }));

const QUESTION = { from: 'user', value: 'Picture 1: <img>1.png</img>\nWhat?' };
const ANSWER = { from: 'assistant', value: 'A star.' };

async function items(json: object) {
  const path = join(folder, 'e.jsonl');
  await writeFile(path, `${JSON.stringify({ conversations: [QUESTION, ANSWER], ...json })}\n`);
  return userItems(path, 28);
}

test('a line says how it is judged, or is judged by what is expected', async () => {
  const [plain] = await items({});
  expect(plain).toMatchObject({
    task: 'conversation',
    language: 'English',
    measures: ['exact'],
    references: ['A star.'],
  });
  expect(plain.content).toEqual([{ image: '' }, { text: 'What?' }]);
  expect(plain.pictures[0]).toMatchObject({ width: 28, height: 28 });
  const [told] = await items({ measure: 'vqa', references: ['a', 'b'], task: 't', language: 'l' });
  expect(told).toMatchObject({ task: 't', language: 'l', measures: ['vqa'], references: ['a', 'b'] });
  const where = { from: 'assistant', value: '<ref>星</ref><box>(1,2),(3,4)</box>' };
  const [box] = await items({ conversations: [{ from: 'user', value: '在哪里?' }, where] });
  expect(box).toMatchObject({ language: 'Chinese', measures: ['iou'], pictures: [] });
});

test.each([
  [{ measure: 'toString' }, 'measure is "toString", expected exact, vqa'],
  [{ references: [] }, 'references is'],
  [{ references: ['a', 7] }, 'references is'],
  [{ task: 7 }, 'task is 7'],
  [{ language: 'x'.repeat(101) }, 'language is'],
  [{ conversations: [QUESTION, ANSWER, QUESTION, ANSWER] }, '4 messages'],
  [{ conversations: [QUESTION, ANSWER, QUESTION] }, '3 messages'],
])('%j', async (json, message) => {
  const error = await items(json).catch((error) => error);
  expect(error.message).toContain('e.jsonl, line 1: ');
  expect(error.message).toContain(message);
});
