import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openDevice } from '../../src/open-device.ts';
import { closeDevice, type Device } from '../../tensor/device.ts';
import { type Sizes, sizesOf } from './case.ts';
import { CONSUMING, cases } from './cases.ts';
import { caseOf } from './check.ts';
import { checkGradients } from './check-gradients.ts';

/** Nothing flows back through these: what only inference has or only the host decides, roofs, and what gradients are made of. */
const WITHOUT: readonly string[] = [
  ...['append', 'argmax', 'patches', 'zeros', 'multiplyAddRoof', 'memoryRoof', 'memoryRoofAbreast'],
  ...[
    'weightGradient',
    'biasGradient',
    'sumRows',
    'placeColumns',
    'addColumns',
    'attentionKeys',
    'softmaxGradient',
    'attentionGradient',
  ],
  ...['layerNormGradient', 'layerNormWeightGradient', 'rmsNormGradient', 'rmsNormWeightGradient'],
  ...['firstMoment', 'secondMoment', 'adamStep', 'sumOfSquares', 'clipFactor'],
  ...['geluGradient', 'siluGateGradient', 'resizeGridGradient', 'crossEntropyGradient'],
];
const names = cases.map(({ op }) => op);

/** Sizes of which central differences can say something in a reasonable time. */
const sizesFor = (op: string): fc.Arbitrary<Sizes> =>
  sizesOf(caseOf(op))
    .filter(({ magnitude = 1, shared = 1 }) => magnitude <= 10 && shared === 1)
    .filter(({ mean = 0 }) => mean === 0) // a step that float32 resolves is not small beside what rows far from 0 spread over
    .filter(({ D }) => !op.endsWith('Norm') || D > 3) // what is normalised is ±1, or nearly so, in narrower rows
    .map((sizes) =>
      op === 'attention' ? { ...sizes, past: sizes.past % 6, present: 1 + (sizes.present % 6) } : sizes,
    );

describe.each(['cpu', 'webasm', 'simd'] as const)('gradients on %s equal central differences', (mode) => {
  let device: Device;
  beforeAll(async () => {
    device = (await openDevice(mode, 2)).device;
  });
  afterAll(() => closeDevice(device));

  test.each(names.filter((op) => !WITHOUT.includes(op)))('%s', async (op) => {
    const property = fc.asyncProperty(sizesFor(op), async (sizes: Sizes) => {
      const { ratio, text, compared, alive, bytes } = await checkGradients(device, { op, sizes });
      expect(ratio, text).toBeLessThanOrEqual(1);
      expect(compared).toBeGreaterThan(0);
      expect({ alive, bytes }).toEqual({ alive: 0, bytes: 0 });
    });
    await fc.assert(property, { numRuns: 12 });
  });
});

/** `zeros` has no input, and what is consumed cannot be run with again. */

test.each(WITHOUT.filter((op) => op !== 'zeros'))('%s says that it has no gradient', async (op) => {
  const { device } = await openDevice('cpu', 1);
  const [sizes] = fc.sample(sizesOf(caseOf(op)), { numRuns: 1, seed: 1 });
  await expect(checkGradients(device, { op, sizes })).rejects.toThrow(
    CONSUMING.includes(op) ? `freed by ${op}` : `${op} has no gradient`,
  );
  await device.queue.idle();
  expect(device.live.size).toBe(0);
  await closeDevice(device);
});
