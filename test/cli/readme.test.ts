import { execFile } from 'node:child_process';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { answerOf } from '../answers.ts';

const FOLDER = join('out', 'readme'); // inside the project, so that it can import itself by name
const examples = [...(await readFile('README.md', 'utf8')).matchAll(/```ts\n(.*?)```/gs)].map(([, code]) => code);

beforeAll(() => mkdir(FOLDER, { recursive: true }));
afterAll(() => rm(FOLDER, { recursive: true }));

async function run(index: number): Promise<string> {
  const file = join(FOLDER, `example-${index}.ts`);
  await writeFile(file, examples[index]);
  const { stdout, stderr } = await promisify(execFile)(process.execPath, ['--import', 'tsx', file]);
  expect(stderr).toBe('');
  return stdout;
}

test('the README has as many examples as are tested', () => expect(examples).toHaveLength(4));

test('a question has its answer', async () => {
  expect(await run(0)).toBe(`${answerOf('describe')}\n`);
});

test('an answer comes piece by piece', async () => {
  expect(await run(1)).not.toBe('');
});

test('a batch has the boxes of each answer', async () => {
  const [, second] = (await run(2)).split(/^(?=\[)/m);
  expect(second).toContain(`ref: '${answerOf('locate-zh').match(/<ref>(.*?)<\/ref>/)?.[1]}'`);
});

test('conversations have a loss and gradients', async () => {
  const [, loss, count] = /^(\d\.\d{3}) nats per token, (\d+) gradients, the first of lm_head\.weight\n$/.exec(
    await run(3),
  )!;
  expect(Number(loss)).toBeGreaterThan(0);
  expect(Number(count)).toBe(48);
});
