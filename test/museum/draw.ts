import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { MODES, type Mode } from '../../src/verify/compare.ts';
import type { Verdict } from '../../src/verify/report/report.ts';
import { type GoldenName, goldenOf } from './fault.ts';
import { examineIn, FAULTS, openMuseum } from './museum.ts';
import { draw } from './picture.ts';
import { pictureOf, readme } from './readme.ts';

/** Writes the museum's page and its pictures. */
async function drawAll(folder: string): Promise<void> {
  await rm(join(folder, 'pictures'), { recursive: true, force: true });
  await mkdir(join(folder, 'pictures'));
  const museum = await openMuseum();
  const sound = new Map<GoldenName, Verdict>();
  for (const fault of FAULTS) {
    const golden = goldenOf(fault);
    const known = sound.get(golden) ?? (await examineIn(museum, golden, ['free']));
    sound.set(golden, known);
    const verdict = await examineIn(museum, golden, fault.answers ? MODES : ['free', 'forced'], fault);
    if (verdict.entry?.name !== fault.enters)
      throw new Error(`${fault.name} was not found; run the tests of the museum`);
    const line = (wanted: Mode, { modes } = verdict) =>
      modes.find(({ mode }) => mode === wanted)?.taps.map(({ tap }) => tap) ?? [];
    const { markup } = draw({
      name: fault.name,
      sound: line('free', known),
      free: line(fault.answers ? 'fused' : 'free'),
      forced: line('forced'),
      found: verdict.entry,
    });
    await writeFile(join(folder, pictureOf(fault)), markup);
    console.log(`${fault.name}: ${fault.enters}`);
  }
  await museum.close();
  await writeFile(join(folder, 'README.md'), readme());
}

void drawAll(import.meta.dirname);
