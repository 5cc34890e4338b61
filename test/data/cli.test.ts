import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runData } from '../../src/cli/data.ts';
import { openWorld, sampleAt, textOf } from '../../src/data/index.ts';
import { readPicture } from '../../src/input/picture/read-picture.ts';
import { qvlHere } from '../verify/qvl.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qvl-data-'));
});
afterAll(() => rm(folder, { recursive: true }));
const qvl = (...words: string[]) => qvlHere(runData, ...words);

test('samples are printed with what is supervised between brackets', async () => {
  const { stdout, stderr } = await qvl('--stage', '1', '--show', '2', '--seed', '7');
  expect(stdout.match(/^\d · caption · .*, \d+ supervised$/gm)).toHaveLength(2);
  expect(stdout.match(/^<img>1<\/img>Generate the caption in \w+:⟦ .+<\|endoftext\|>⟧$/gm)).toHaveLength(2);
  expect(stderr).toContain('stage 1: caption 100 %');
});

test('another mixture is as its shares say', async () => {
  const rest = 'visual question answering 0,caption with grounding 0,referring grounding 0, grounded captioning 0';
  const shares = `text 1,caption 3,ocr 0, interleaved 0, ${rest}`;
  const { stdout, stderr } = await qvl('--shares', shares, '--show', '40');
  expect(stderr).toMatch(/caption 75 % .*, ocr 0 % .*, text 25 %/);
  const tasks = [...stdout.matchAll(/^\d+ · (.*?) ·/gm)].map(([, task]) => task);
  expect([tasks.length, ...new Set(tasks)].sort()).toEqual([40, 'caption', 'text']);
});

test('words in the place of a picture are a square', async () => {
  const { stdout } = await qvl('--stage', '0', '--task', 'caption', '--show', '1');
  expect(
    stdout
      .split('\n')
      .slice(1, 5)
      .map((row) => row.split('│').length),
  ).toEqual([4, 4, 4, 4]);
});

describe('samples that are written', () => {
  const out = () => join(folder, 'out');
  const page = () => join(folder, 'page.html');
  const options = { stage: 3, seed: 2, side: 112 } as const;

  test('come back the same, and as a page', async () => {
    const written = await qvl('--stage', '3', '--seed', '2', '--show', '4', '--out', out(), '--html', page());
    expect(written.stderr).toContain('4 samples: ');
    const world = await openWorld();
    const samples = [0, 1, 2, 3].map((i) => sampleAt(world, options, i));
    for (const [i, { pictures }] of samples.entries()) {
      for (const [j, picture] of pictures.entries()) {
        expect(await readPicture(join(out(), `pictures/00000${i}-${j + 1}.png`))).toEqual(picture);
      }
    }
    const lines = (await readFile(join(out(), 'samples.jsonl'), 'utf8')).trim().split('\n');
    const named = lines.map((line) => line.match(/(?<=<img>).*?(?=<\/img>)/g) ?? []);
    expect(named).toEqual(samples.map(({ pictures }, i) => pictures.map((_, j) => `pictures/00000${i}-${j + 1}.png`)));
    expect(named.some((names) => names.length === 2)).toBe(true);
    const { stdout } = await qvl('--from', join(out(), 'samples.jsonl'), '--show', '4');
    const plain = stdout.replace(/[⟦⟧]/g, '');
    for (const sample of samples) {
      if (sample.said.form !== 'conversation') continue;
      for (const { value } of sample.said.messages)
        expect(plain).toContain(value.replace(/<img>\d<\/img>/g, '<img></img>'));
    }
    const html = await readFile(page(), 'utf8');
    expect(html.match(/<section>/g)).toHaveLength(4);
    expect(html).toContain('<mark>&#60;|im_start|&#62;</mark>system');
    expect(html).not.toContain('<script');
    expect(textOf(samples[0])).not.toBe('');
  });

  test('are not written over what is read', async () => {
    const from = join(out(), 'samples.jsonl');
    await expect(qvl('--from', from, '--out', out())).rejects.toThrow('what is read lies in that folder');
  });
});

test.each([
  [['--stage', '4'], '--stage: "4", expected a whole number from 0 to 3'],
  [['--show', '0'], '--show: "0", expected a whole number from 1 to 100000'],
  [['--show', '1001', '--html', 'x.html'], '--show: "1001", expected a whole number from 1 to 1000'],
  [['--seed', 'x'], '--seed: "x"'],
  [['--stage', '1', '--task', 'ocr'], '--task: "ocr", expected one of caption;'],
  [['--shares', 'caption'], '--shares: "caption", expected a task and a number from 0 to 1000'],
  [['--shares', 'caption 1, caption 2'], '--shares: "caption" is there twice'],
  [['--shares', 'caption 1,'], '--shares: "", expected a task'],
  [['--shares', 'caption 1001'], '--shares: "caption 1001"'],
  [['--shares', 'toString 1'], '--shares: "toString", expected one of caption, visual'],
  [['--stage', '3', '--shares', 'caption 1'], /expected one of dialogue, .*; these are stage 3.s/],
  [['--stage', '1', '--shares', 'caption 0'], '--shares: no task has one'],
  [['--from', 'x.jsonl', '--shares', 'caption 1'], '--shares: it is for samples that are made'],
  [['--stage', '0', '--out', 'x'], '--out: in stage 0 words stand for pictures'],
  [['--from', 'x.jsonl', '--stage', '1'], '--stage: it is for samples that are made'],
  [['--from', 'nowhere.jsonl'], 'nowhere.jsonl: there is no such file'],
  [['cat.png'], 'qvl data: "cat.png" is too much'],
])('%j ends with one line', async (words, message) => {
  await expect(qvl(...words)).rejects.toThrow(message);
});

test('a bad line of a user’s file is named', async () => {
  const path = join(folder, 'own.jsonl');
  const line = (value: string) =>
    JSON.stringify({
      conversations: [
        { from: 'user', value },
        { from: 'assistant', value: 'Yes.' },
      ],
    });
  for (const [bad, found] of [
    ['{', 'it is not JSON'],
    [line('<img>../secret.png</img>'), 'is not in the folder of the file'],
    [line('<img>gone.png</img>'), 'there is no picture'],
    [line('<box>(1,2),(3000,4)</box>'), 'numbers that are not integers'],
  ]) {
    await writeFile(path, `${line('Hi?')}\n\n${bad}\n`);
    await expect(qvl('--from', path)).rejects.toThrow(`${path}, line 3: `);
    await expect(qvl('--from', path)).rejects.toThrow(found);
  }
});
