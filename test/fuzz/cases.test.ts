import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { nameOf, parseName, readCase, saveCase } from './cases.ts';
import { createFuzzer } from './fuzzer.ts';
import { randomOf } from './random.ts';
import { targets } from './targets.ts';

const fuzzer = createFuzzer(new URL('targets.ts', import.meta.url));
const scratch = mkdtempSync(join(tmpdir(), 'fuzz-'));
afterAll(async () => {
  await fuzzer.close();
  rmSync(scratch, { recursive: true });
});

describe('what failed once fails no more', () => {
  const folder = fileURLToPath(new URL('cases/', import.meta.url));
  test.each(readdirSync(folder))('%s', async (file) => {
    expect((await fuzzer.run(await readCase(join(folder, file)))).failures).toEqual([]);
  });
});

describe('a case', () => {
  test.each(Object.entries(targets))('of %s is made again from its name', async (target, { make }) => {
    const name = { target, seed: 5, number: 1234 };
    expect(parseName(nameOf(name))).toEqual(name);
    const input = make(randomOf(5, target, 1234));
    expect(make(randomOf(5, target, 1234))).toEqual(input);
    expect(await readCase(await saveCase(scratch, name, input))).toEqual({ target, input });
  });

  test('keeps halves of surrogate pairs when it is saved', async () => {
    const name = { target: 'prompt', seed: 0, number: 0 };
    const input = '\ud800\r\n\0"\udfff';
    expect(await readCase(await saveCase(scratch, name, input))).toEqual({ target: 'prompt', input });
  });

  test.each([
    'png',
    'png:1',
    'png:-1:2',
    'png:1:2:3',
    '../png.1.2.bin',
    'png:99999999999:1',
  ])('is not called %s', (text) => {
    expect(parseName(text)).toBeUndefined();
  });
});
