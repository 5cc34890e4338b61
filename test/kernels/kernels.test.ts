import { readdirSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openDevice } from '../../src/open-device.ts';
import { closeDevice, type Device } from '../../tensor/device.ts';
import { DEVICES } from '../devices.ts';
import { cases } from './cases.ts';
import { checkCase } from './check.ts';
import { testCases } from './test-cases.ts';

describe.each(DEVICES)('%s equals the equations', (mode) => {
  let device: Device;
  beforeAll(async () => {
    device = (await openDevice(mode, 2)).device;
  });
  afterAll(() => closeDevice(device));

  testCases(60, (example) => checkCase(device, example));
});

test('every operation has a case', async () => {
  const folder = new URL('../../kernels/', import.meta.url);
  const files = readdirSync(folder).filter((file) => file.endsWith('.ts'));
  const modules = await Promise.all([
    ...files.map((file) => import(new URL(file, folder).href)),
    import('../../src/profile/roof-kernels.ts'),
  ]);
  const operations = modules
    .flatMap((module) => Object.keys(module))
    .filter((name) => !['zero', 'seenBy', 'requireSeen'].includes(name) && !name.endsWith('Op')); // what operations share
  expect(cases.map(({ op }) => op).sort()).toEqual(operations.sort());
});
