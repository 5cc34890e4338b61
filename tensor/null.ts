import type { Driver } from './device.ts';
import { DeviceError } from './error.ts';

/** Shapes, operations, bytes and peak memory without any data: prices a model without its weights. */
export const nullDriver: Driver = {
  name: 'null',
  description: 'shapes only',
  upload: () => undefined,
  run: () => undefined,
  read() {
    throw new DeviceError('null: this device has shapes but no data; choose another device to read a tensor');
  },
  free: () => undefined,
  close: () => undefined,
};
