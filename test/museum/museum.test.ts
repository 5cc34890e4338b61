import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Mode } from '../../src/verify/compare.ts';
import { type GoldenName, goldenOf, modeOf } from './fault.ts';
import { examineIn, FAULTS, type Museum, openMuseum } from './museum.ts';
import { pictureOf, readme } from './readme.ts';

const FOLDER = import.meta.dirname;

let museum: Museum;
beforeAll(async () => {
  museum = await openMuseum();
});
afterAll(() => museum.close());

/** Every golden that faults are shown on, in the modes that find them. */
const HEALTHY = new Set(FAULTS.map((fault) => `${goldenOf(fault)} ${modeOf(fault)}`));

test.each([...HEALTHY])('the sound model passes: %s', async (patient) => {
  const [name, mode] = patient.split(' ') as [GoldenName, Mode];
  expect(await examineIn(museum, name, [mode])).toMatchObject({ status: 'pass', entry: undefined });
});

describe('a fault is found where it enters', () => {
  test.each(FAULTS)('$name: $enters', async (fault) => {
    const { entry } = await examineIn(museum, goldenOf(fault), [modeOf(fault)], fault);
    expect(entry?.name).toBe(fault.enters);
  });

  test.each(FAULTS.filter(({ answers }) => answers))('$name is in answers alone', async (fault) => {
    expect((await examineIn(museum, goldenOf(fault), ['forced'], fault)).status).toBe('pass');
  });
});

describe('the page', () => {
  test('names every fault once, with what it says', async () => {
    const page = await readFile(join(FOLDER, 'README.md'), 'utf8');
    expect(new Set(FAULTS.map(({ name }) => name)).size).toBe(FAULTS.length);
    for (const { name, says } of FAULTS) expect(page).toContain(`### ${name}\n${says}`);
    expect(page, 'run test/museum/draw.ts').toBe(readme());
  });

  test('has a picture of every fault and of nothing else, small ones', async () => {
    const names = await readdir(join(FOLDER, 'pictures'));
    expect(names.map((name) => `pictures/${name}`).sort()).toEqual(FAULTS.map(pictureOf).sort());
    const sizes = await Promise.all(names.map((name) => stat(join(FOLDER, 'pictures', name))));
    expect(sizes.reduce((sum, { size }) => sum + size, 0)).toBeLessThan(200_000);
  });
});
