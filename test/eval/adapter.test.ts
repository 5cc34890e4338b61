import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';
import { runEval } from '../../src/cli/eval.ts';
import { answersOf } from '../answers.ts';
import { qvlHere } from '../verify/qvl.ts';

test('qvl eval --adapter judges the answers of the adapted model', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'eval-adapter-'));
  const answers = await answersOf('golden/tiny-lora');
  const expected = answers.find(({ name }) => name === 'finetune')!.text; // in Chinese, which the base does not answer here
  const asked = { from: 'user', value: `Picture 1: <img>scene-1.png</img>\nWhat is in the picture?` };
  const line = { conversations: [asked, { from: 'assistant', value: expected }], measure: 'exact' };
  await writeFile(join(folder, 'asked.jsonl'), JSON.stringify(line));
  await writeFile(join(folder, 'scene-1.png'), await readFile('golden/tiny/pictures/scene-1.png'));
  const json = join(folder, 'e.json');
  const words = [join(folder, 'asked.jsonl'), '--device', 'simd', '--json', json, '--model', resolve('golden/tiny')];
  const { stdout, stderr } = await qvlHere(runEval, ...words, '--adapter', resolve('golden/tiny-lora/finetune'));
  expect(stderr).toContain('changes 16 layers');
  expect(stdout).toMatch(/exact match +1 /);
  const saved = JSON.parse(await readFile(json, 'utf8'));
  expect([saved.model, saved.answers[0].answer]).toEqual([
    'golden/tiny with the adapter golden/tiny-lora/finetune',
    expected,
  ]);
  await rm(folder, { recursive: true });
});
