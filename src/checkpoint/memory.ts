import { totalmem } from 'node:os';
import type { Config } from '../model/config.ts';
import { parameterCount } from '../model/weights.ts';

/** What is left for activations, copies on the way to the device, and everybody else. */
const SHARE_FOR_WEIGHTS = 0.6;

/** How many bytes of this machine weights may take. */
export const defaultMemory = (): number => SHARE_FOR_WEIGHTS * totalmem();

/** Whether all weights of a model, which are float32 on a device, take no more than so many bytes. */
export const fitsMemory = (config: Config, bytes: number): boolean => 4 * parameterCount(config) <= bytes;
