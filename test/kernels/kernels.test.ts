import { readdirSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { closeDevice, createDevice, type Device } from '../../tensor/device.ts';
import { gpuJs } from '../../tensor/gpu-js.ts';
import { cases } from './cases.ts';
import { checkCase } from './check.ts';
import { testCases } from './test-cases.ts';

describe.each(['cpu', 'webasm'] as const)('%s equals the equations', (mode) => {
  let device: Device;
  beforeAll(async () => {
    device = createDevice(await gpuJs(mode, 2));
  });
  afterAll(() => closeDevice(device));

  testCases(60, (example) => checkCase(device, example));
});

test('every operation has a case', async () => {
  const folder = new URL('../../kernels/', import.meta.url);
  const modules = await Promise.all(readdirSync(folder).map((file) => import(new URL(file, folder).href)));
  const operations = modules.flatMap((module) => Object.keys(module)).filter((name) => name !== 'zeros'); // a kernel
  expect(cases.map(({ op }) => op).sort()).toEqual(operations.sort());
});
