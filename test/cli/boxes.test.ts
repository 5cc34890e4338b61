import { copyFile, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, type MockInstance, test, vi } from 'vitest';
import { drawBoxes } from '../../src/cli/boxes.ts';
import { InputError } from '../../src/error.ts';
import type { Picture } from '../../src/input/picture/picture.ts';
import { readPicture } from '../../src/input/picture/read-picture.ts';

const ANSWER = '<ref>it</ref><box>(100,100),(800,800)</box>';
const here = process.cwd();
const SCENE = resolve('golden/tiny/pictures/scene-1.png');

let folder: string;
let said: string[];
let spy: MockInstance;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qvl-boxes-'));
  process.chdir(folder);
});
afterAll(async () => {
  process.chdir(here);
  await rm(folder, { recursive: true });
});
beforeEach(() => {
  said = [];
  spy = vi.spyOn(process.stderr, 'write').mockImplementation((text) => said.push(String(text)) > 0);
});
afterEach(() => spy.mockRestore());

/** Opens a picture of one colour, whatever its name. */
const grey =
  (value: number, side = 32) =>
  async (): Promise<Picture> => ({ width: side, height: side, data: new Uint8Array(3 * side * side).fill(value) });

test('of several pictures boxes are drawn on the latest, and which one that is is said', async () => {
  const pictures = ['first.png', 'second.png'];
  const open = (path: string) => (path === 'first.png' ? grey(10, 16)() : grey(200)());
  expect(await drawBoxes(ANSWER, pictures, { boxes: 'found.png' }, open)).toBe(true);
  expect(said.join('')).toBe('  box drawn on the latest of 2 pictures, second.png: found.png\n');
  const drawn = await readPicture('found.png');
  expect([drawn.width, [...drawn.data.subarray(0, 3)]]).toEqual([32, [200, 200, 200]]);
  expect(await drawBoxes('no box', pictures, { boxes: 'none.png' }, open)).toBe(false);
  expect(await readdir('.')).toEqual(['found.png']);
});

test('pictures of one name have files of their own, and each keeps its file', async () => {
  const paths = ['a.png', 'a.jpg', 'a', 'other/a.png', 'a.png', 'data:image/png;base64,AAAA', `${'x'.repeat(250)}.png`];
  for (const path of paths) await drawBoxes(ANSWER, [path], {}, grey(9));
  expect(said.map((line) => /drawn: (.+)\n/.exec(line)?.[1])).toEqual([
    'out/a-boxes.png',
    'out/a.jpg-boxes.png',
    'out/a-boxes-2.png',
    'out/a-boxes-3.png',
    'out/a-boxes.png',
    'out/picture-boxes.png',
    `out/${'x'.repeat(60)}-boxes.png`,
  ]);
});

test('what was asked for and cannot be written is an error, what was not is a line', async () => {
  await writeFile('file', '');
  const asked = drawBoxes(ANSWER, ['b.png'], { boxes: 'file/b.png' }, grey(9));
  await expect(asked).rejects.toThrow(InputError);
  await rm('out', { recursive: true, force: true });
  await writeFile('out', 'no folder');
  expect(await drawBoxes(ANSWER, ['b.png'], {}, grey(9))).toBe(true);
  expect(said.join('')).toMatch(/^qvl: out\/b-boxes\.png: "\S+out" is no folder; .+\n$/);
});

test('the picture itself is never drawn over', async () => {
  await copyFile(SCENE, 'in.png');
  const drawn = drawBoxes(ANSWER, ['in.png'], { boxes: './in.png' });
  await expect(drawn).rejects.toThrow('./in.png: it is what is read ("in.png"); choose another file with --boxes');
  expect(await readFile('in.png')).toEqual(await readFile(SCENE));
});
