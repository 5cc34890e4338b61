import { totalmem } from 'node:os';
import type { Driver } from '../../tensor/device.ts';
import { elementCount } from '../../tensor/dtype.ts';
import type { Checkpoint } from './checkpoint.ts';

/** What is left for activations, copies on the way to the device, and everybody else. */
const SHARE_FOR_WEIGHTS = 0.6;

/** How many bytes of this machine weights may take. */
export const defaultMemory = (): number => SHARE_FOR_WEIGHTS * totalmem();

/**
 * Whether all weights of a checkpoint fit at once.
 *
 * @param bytes how many they may take
 */
export function fitsMemory({ tensors }: Checkpoint, driver: Driver, bytes = defaultMemory()): boolean {
  const sizes = [...tensors.values()].map(
    ({ shape, dtype }) => elementCount(shape) * (driver.bfloat16 && dtype === 'bfloat16' ? 2 : 4),
  );
  return sizes.reduce((sum, size) => sum + size, 0) <= Math.min(bytes, driver.mostWeights ?? Number.POSITIVE_INFINITY);
}
