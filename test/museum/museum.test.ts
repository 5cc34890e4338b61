import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type GoldenName, modeOf } from './fault.ts';
import { diagnose, examineIn, FAULTS, type Museum, openMuseum } from './museum.ts';

let museum: Museum;
beforeAll(async () => {
  museum = await openMuseum();
});
afterAll(() => museum.close());

/** Every golden that faults are shown on, in the modes that find them. */
const HEALTHY = new Set(FAULTS.map((fault) => `${fault.golden ?? 'model-a'} ${modeOf(fault)}`));

test.each([...HEALTHY])('the sound model passes: %s', async (patient) => {
  const [name, mode] = patient.split(' ') as [GoldenName, 'free' | 'forced'];
  expect(diagnose(await examineIn(museum, name, mode), name, mode)).toBeUndefined();
});

describe('a fault is found where it enters', () => {
  test.each(FAULTS)('$name: $enters', async (fault) => {
    const { golden = 'model-a', enters } = fault;
    const mode = modeOf(fault);
    expect(diagnose(await examineIn(museum, golden, mode, fault), golden, mode)?.name).toBe(enters);
  });
});
