import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runVerify } from '../../src/cli/verify.ts';
import { CheckpointError } from '../../src/error.ts';
import { createTokenizer } from '../../src/input/text/tokenizer.ts';
import { comparePixels } from '../../src/verify/inputs/picture-difference.ts';
import { verifyPictures } from '../../src/verify/inputs/picture-golden.ts';
import { isPromptGolden, promptWay, verifyPrompts } from '../../src/verify/inputs/prompt-golden.ts';
import { readText, smallVocabulary } from '../input/vocabularies.ts';
import { golden, qvlHere } from './qvl.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qvl-inputs-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** A folder with these files: texts as they are, anything else as JSON. */
async function folderOf(name: string, files: Readonly<Record<string, unknown>>): Promise<string> {
  const path = join(folder, name);
  await mkdir(path, { recursive: true });
  for (const [file, content] of Object.entries(files))
    await writeFile(join(path, file), typeof content === 'string' ? content : JSON.stringify(content));
  return path;
}

interface Listed {
  readonly file: string;
}
const preprocess = JSON.parse(readText('golden/preprocess/preprocess.json')) as Listed[];
const pictures = JSON.parse(readText('golden/pictures/pictures.json')) as Listed[];
const chat = (JSON.parse(readText('golden/tokenizer/chatml.json')) as { raw_text: string; ids: number[] }[])[0];

describe('qvl verify', () => {
  test('0: pictures, prompts and activations, each by its kind', async () => {
    const paths = ['preprocess/wide.png', 'pictures/grey-1.png', 'tokenizer', 'quirks/model-e'].map(golden);
    const { code, stdout } = await qvlHere(runVerify, ...paths, '--device', 'cpu');
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /preprocess\n {2}✓ decode +1 of 1 pictures\n {2}✓ resize .*\n {2}✓ normalise .*\n {2}✓ together/,
    );
    expect(stdout).toContain("✓ pictures: equal to the original's: decode of 1 pictures\n");
    expect(stdout).toContain('ids of 600 texts, words of 600 texts, context of 70 conversations, context ids of 70');
    expect(stdout).toMatch(/✓ model-e × cpu: 58 taps free/);
  });

  test('1: names the part, and a saved report says the same', async () => {
    const spoilt = { ...chat, raw_text: chat.raw_text.replace('\n', ' ') };
    const ids = [...chat.ids.slice(0, 5), 7, ...chat.ids.slice(6)];
    const path = await folderOf('spoilt', { 'chatml.json': [spoilt, { ...chat, ids }, chat] });
    const json = join(folder, 'r.json');
    const { code, stdout } = await qvlHere(runVerify, path, '--json', json);
    expect(code).toBe(1);
    expect(stdout).toMatch(
      /✗ context +2 of 3 conversations\n {6}conversation 0: 1 of \d+; character 18: "rt\|>system\\n/,
    );
    expect(stdout).toMatch(
      /✗ context ids +2 of 3 conversations\n {6}conversation 1: 1 of \d+; token 5: \d+ ".*"; the original has 7 "\("\n/,
    );
    expect(stdout).toMatch(/✗ spoilt: enters at context, in 1 of 3 conversations; conversation 0, character 18/);
    const again = await qvlHere(runVerify, '--judge', json);
    expect([again.code, again.stdout]).toEqual([1, stdout]);
  });

  test('1: names the row, the column and the colour of a picture', async () => {
    const path = await folderOf('picture', { 'preprocess.json': preprocess.filter(({ file }) => file === 'up.png') });
    await copyFile(golden('preprocess/up.png'), join(path, 'up.png'));
    const bytes = await readFile(golden('preprocess/preprocess.safetensors'));
    const length = Number(bytes.readBigUInt64LE());
    const header = JSON.parse(bytes.toString('utf8', 8, 8 + length));
    bytes[8 + length + header['up.png.resized'].data_offsets[0] + 3 * (2 * 112 + 5) + 2] ^= 4;
    await writeFile(join(path, 'preprocess.safetensors'), bytes);
    const { code, stdout } = await qvlHere(runVerify, path);
    expect(code).toBe(1);
    expect(stdout).toMatch(
      /✗ resize .*\n {6}up\.png: 1 of 37,632, by at most 4; row 2, column 5, blue: \d+, the original has \d+\n/,
    );
    expect(stdout).toMatch(/✗ picture: enters at resize, in 1 of 1 pictures; up\.png, row 2, column 5, blue/);
  });

  test('1: a picture of which only the hash is kept, and one that is refused', async () => {
    const [first] = pictures.filter(({ file }) => file === 'grey-1.png');
    const path = await folderOf('hashed', {
      'pictures.json': [
        { ...first, file: 'a.png', sha256: '0'.repeat(64) },
        { ...first, file: 'b.png' },
        { ...first, file: 'c.png', width: 1 },
        { file: 'd.png', refused: true },
        { file: 'e.png', refused: true },
      ],
      'b.png': 'no picture',
      'd.png': 'no picture',
    });
    for (const name of ['a.png', 'c.png', 'e.png']) await copyFile(golden('pictures/grey-1.png'), join(path, name));
    const { code, stdout } = await qvlHere(runVerify, path);
    expect(code).toBe(1);
    expect(stdout).toMatch(
      /✗ decode +1 of 5 pictures\n.*SHA-256 [0-9a-f]{12}…, the original has another\n.*neither PNG, JPEG/,
    );
    expect(stdout).toMatch(/c\.png: .*\d+ × \d+ pixels, the original has 1 × \d+\n/);
    const [, , , last] = (await verifyPictures(path)).parts[0].differences;
    expect(last).toMatchObject({
      item: 'e.png',
      place: expect.stringMatching(/pixels, the original has none: it is ref/),
    });
  });
});

test('2: a page shows activations alone', async () => {
  const attempt = qvlHere(runVerify, golden('preprocess/one.png'), '--html', join(folder, 'r.html'));
  await expect(attempt).rejects.toThrow('--html: there are no activations to show; leave it out, or name a golden of');
});

test('a normalised value is off when its last bit is', () => {
  const theirs = Float32Array.of(0.001, 1, -2);
  const [bits, ours] = [new Int32Array(theirs.buffer), theirs.slice()];
  expect(comparePixels('a', ours, theirs, 1)).toBeUndefined();
  new Int32Array(ours.buffer)[0] = bits[0] + 1;
  expect(comparePixels('a', ours, theirs, 1)).toMatchObject({
    differing: 1,
    of: 3,
    place: expect.stringContaining('red'),
  });
});

describe('a golden that is not sound is refused', () => {
  const tokenizer = createTokenizer(smallVocabulary(), 'bytes');

  test.each<[string, Readonly<Record<string, unknown>>, string]>([
    ['a text without ids', { 'encode.json': [{ text: 'a' }] }, 'encode.json[0].ids: nothing, expected a list'],
    ['ids that are none', { 'encode.json': [{ text: 'a', ids: [-1] }] }, 'ids[0]: -1, expected a whole number'],
    ['a turn of three', { 'chatml.json': [{ ...chat, history: [['a', 'b', 'c']] }] }, 'expected a list of at most 2'],
    ['a turn of one', { 'chatml.json': [{ ...chat, history: [['a']] }] }, '1 texts, expected a question and an answer'],
    ['no JSON', { 'encode.json': '{' }, 'it is not JSON'],
  ])('prompts with %s', async (name, files, message) => {
    const path = await folderOf(name, files);
    expect(await isPromptGolden(path)).toBe(true);
    const attempt = verifyPrompts(path, promptWay(tokenizer));
    await expect(attempt).rejects.toThrow(CheckpointError);
    await expect(attempt).rejects.toThrow(message);
  });

  const one = { file: 'one.png', width: 1, height: 1, size: 56 };
  test.each<[string, unknown, string]>([
    ['a path', [{ ...one, file: '../one.png' }], '"../one.png" is no plain file name'],
    ['a folder', [{ ...one, file: '..' }], 'it is no regular file'],
    ['no file', [{ ...one, file: 'two.png' }], 'two.png'],
    ['a huge side', [{ ...one, size: 1e6 }], 'expected a whole number from 1 to 4096'],
    ['one twice', [one, one], 'it lists a picture twice'],
    ['no tensors', [one], '"one.png.rgb" is missing, expected uint8 [1,1,3]'],
  ])('pictures with %s', async (name, list, message) => {
    const path = await folderOf(name, { 'preprocess.json': list });
    await copyFile(golden('preprocess/one.png'), join(path, 'one.png'));
    const attempt = verifyPictures(path);
    await expect(attempt).rejects.toThrow(CheckpointError);
    await expect(attempt).rejects.toThrow(message);
  });

  test('a text that the tokenizer refuses is a difference', async () => {
    const path = await folderOf('refused', { 'encode.json': [{ text: '<img>', ids: [1] }] });
    const { parts } = await verifyPrompts(path, promptWay(tokenizer));
    expect(parts[0]).toMatchObject({ name: 'ids', off: 1 });
    expect(parts[0].differences[0].place).toContain('<img> is not closed');
  });
});
