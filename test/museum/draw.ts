import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TapMeasurement } from '../../src/verify/compare.ts';
import { type GoldenName, modeOf } from './fault.ts';
import { diagnose, examineIn, FAULTS, openMuseum } from './museum.ts';
import { draw } from './picture.ts';
import { pictureOf, readme } from './readme.ts';

/** Writes the museum's page and its pictures. */
async function drawAll(folder: string): Promise<void> {
  await rm(join(folder, 'pictures'), { recursive: true, force: true });
  await mkdir(join(folder, 'pictures'));
  const museum = await openMuseum();
  const sound = new Map<GoldenName, TapMeasurement[]>();
  for (const fault of FAULTS) {
    const { golden = 'model-a' } = fault;
    if (!sound.has(golden)) sound.set(golden, await examineIn(museum, golden, 'free'));
    const free = await examineIn(museum, golden, 'free', fault);
    const forced = await examineIn(museum, golden, 'forced', fault);
    const mode = modeOf(fault);
    const found = diagnose(mode === 'free' ? free : forced, golden, mode);
    if (!found) throw new Error(`${fault.name} was not found; run the tests of the museum`);
    const { markup } = draw({ name: fault.name, sound: sound.get(golden)!, free, forced, found });
    await writeFile(join(folder, pictureOf(fault)), markup);
    console.log(`${fault.name}: ${found.name}`);
  }
  await museum.close();
  await writeFile(join(folder, 'README.md'), readme());
}

void drawAll(import.meta.dirname);
