import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { OpenedGradients } from '../../src/verify/gradients/gradient-case.ts';
import type { Driver } from '../../tensor/device.ts';
import { gpuJs } from '../../tensor/gpu-js.ts';
import { openGradients } from '../train/goldens.ts';
import { type BackwardGolden, examineBackward } from './backward-fault.ts';
import { BACKWARD_FAULTS } from './faults-backward.ts';

let driver: Driver;
const opened = new Map<BackwardGolden, OpenedGradients>();
beforeAll(async () => {
  driver = await gpuJs('cpu', 1);
  for (const name of ['grad-e', 'grad-e-text', 'grad-a'] as const) opened.set(name, await openGradients(name));
});
afterAll(async () => {
  for (const { close } of opened.values()) await close();
  await driver.close();
});

// That of grad-a passes in test/train/gradients.test.ts, on the same device.
test.each(['grad-e', 'grad-e-text'] as const)('the sound way back passes: %s', async (name) => {
  expect(await examineBackward(driver, opened.get(name)!)).toMatchObject({ status: 'pass', entry: undefined });
});

describe('a fault of the way back is found where it enters, with the operation that made it', () => {
  test.each(BACKWARD_FAULTS)('$name: $enters', async (fault) => {
    const { entry } = await examineBackward(driver, opened.get(fault.golden ?? 'grad-e')!, fault);
    expect(entry?.name).toBe(fault.enters);
    expect(entry?.operations).toContain(fault.by);
  });
});
