import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { nameOf, pictureOf, pictureWords, sourceFor } from '../../src/cli/pictures.ts';
import { ImageError } from '../../src/error.ts';
import { pictureBytes } from '../input/image-golden.ts';
import { processorTime } from '../processor-time.ts';

const folder = mkdtempSync(join(tmpdir(), 'qvl-words-'));
afterAll(() => rmSync(folder, { recursive: true }));
const file = (name: string) => {
  const path = join(folder, name);
  writeFileSync(path, pictureBytes('one.png'));
  return path;
};
const [plain, spaced, apostrophe, quoted, percent] = [
  'a.png',
  'my cat.png',
  "Tom's cat.png",
  '"b".png',
  '50%20.png',
].map(file);

describe('a word that names a picture', () => {
  test.each([
    [plain, plain],
    [spaced, spaced],
    [apostrophe, apostrophe],
    [quoted, quoted],
    [percent, percent],
    [`"${plain}"`, plain],
    [`'${spaced}'`, spaced],
    [`"${folder}"/a.png`, plain],
    [spaced.replace(' ', '\\ '), spaced],
    [apostrophe.replace(/[' ]/g, '\\$&'), apostrophe],
    [quoted.replaceAll('"', '\\"'), quoted],
    [pathToFileURL(spaced).href, spaced],
    [`file://${spaced}`, spaced],
    [`file://localhost${plain}`, plain],
    [`FILE://${plain}`, plain],
    [pathToFileURL(percent).href, percent],
  ])('%s', async (word, path) => {
    expect(await sourceFor(word)).toEqual({ path });
  });

  test('a "~" is the home folder, unless there is a file of that name', async () => {
    const home = homedir();
    const inHome = mkdtempSync(join(home, '.qvl-test-'));
    try {
      writeFileSync(join(inHome, 'a b.png'), '');
      const word = `~${inHome.slice(home.length)}/a b.png`;
      expect(await sourceFor(word)).toEqual({ path: join(inHome, 'a b.png') });
      expect(await sourceFor(word.replace('a b', 'a\\ b'))).toEqual({ path: join(inHome, 'a b.png') });
      expect(await sourceFor('~nobody/a.png')).toEqual({ path: '~nobody/a.png' });
    } finally {
      rmSync(inHome, { recursive: true });
    }
  });

  test('a data URL is opened as it is', async () => {
    const dataUrl = `data:image/png;base64,${Buffer.from(pictureBytes('one.png')).toString('base64')}`;
    expect(await pictureOf(dataUrl)).toMatchObject({ width: 1, height: 1 });
    expect(nameOf(dataUrl)).toBe('data URL');
  });

  test.each([
    ['https://example.org/cat.png', '"https://example.org/cat.png": a URL, and nothing is fetched; save the picture'],
    ['HTTP://example.org', 'a URL, and nothing is fetched'],
    ['s3://bucket/cat.png', 'a URL, and nothing is fetched'],
    ['file://example.org/cat.png', '"file://example.org/cat.png": no file of this machine'],
    ['file:///%00', 'cannot be read'],
    ['file:///%2F', 'no file of this machine'],
    [`${plain}x`, 'a.pngx: no such file; check the path'],
    [`"${plain}`, 'no such file'],
    ['data:text/plain,cat', 'which begins no data URL of a picture'],
    ['', 'no such file'],
    ['a\0b', 'cannot be read'],
  ])('%j is refused, saying why', async (word, message) => {
    const refusal = pictureOf(word);
    await expect(refusal).rejects.toThrow(ImageError);
    await expect(refusal).rejects.toThrow(message);
  });
});

test('a line names pictures whose paths are quoted or escaped, or one with plain spaces', async () => {
  mkdirSync(join(folder, 'c d'));
  const words = (line: string) => pictureWords(line);
  expect(await words(spaced)).toEqual([spaced]);
  expect(await words(`${plain} ${plain}`)).toEqual([plain, plain]);
  expect(await words(`"${spaced}"  '${plain}'`)).toEqual([`"${spaced}"`, `'${plain}'`]);
  const escaped = spaced.replace(' ', '\\ ');
  expect(await words(`${escaped} ${plain}`)).toEqual([escaped, plain]);
  expect(await words("Tom's.png Ann's.png")).toEqual(["Tom's.png", "Ann's.png"]);
  expect(await words('"a.png')).toEqual(['"a.png']);
  const long = `${'"a\\'.repeat(1e5)} ${"'".repeat(1e5)}`;
  expect(await processorTime(() => words(long))).toBeLessThan(1000);
});
