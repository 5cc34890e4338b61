import { DEVICE_NAMES, type DeviceName } from '../src/open-device.ts';

const wanted = process.env.TEST_DEVICE;
const named = DEVICE_NAMES.filter((name) => name === wanted);
if (wanted && named.length === 0) throw new RangeError(`TEST_DEVICE is "${wanted}", expected a device`);

/**
 * The devices on which tests run in Node. `$TEST_DEVICE` names another, for which a machine has to be set up: `.ci/gpu` does so
 * for `webgpu` and `headlessgl`.
 */
export const DEVICES: readonly DeviceName[] = wanted ? named : ['cpu', 'webasm', 'simd'];

/** Where GPU.js computes, on the processor or through a driver that may do so: a token takes as long there as an answer on `simd`. */
export const isSlow = (device: DeviceName): boolean => device !== 'simd';
