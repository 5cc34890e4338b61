import { afterAll, beforeAll, describe } from 'vitest';
import { closeDevice, createDevice, type Device } from '../../tensor/device.ts';
import { checkCase } from '../kernels/check.ts';
import { testCases } from '../kernels/test-cases.ts';
import { guarded } from './guarded.ts';
import { recipeDriver } from './recipe-driver.ts';

describe('every SIMD recipe equals the equations, writes nothing else, and does not care how its range is split', () => {
  let device: Device;
  beforeAll(() => {
    device = createDevice(recipeDriver(guarded()));
  });
  afterAll(() => closeDevice(device));

  testCases(40, (example) => checkCase(device, example));
});

describe('across 2 GiB, from where offsets are negative as int32, and as newer engines have it, every SIMD recipe equals the equations too', () => {
  let device: Device;
  beforeAll(() => {
    device = createDevice(recipeDriver(guarded({ start: 2 ** 31 - 2048, modern: true })));
  });
  afterAll(() => closeDevice(device));

  testCases(8, (example) => checkCase(device, example));
});
