import type { Driver } from '../../tensor/device.ts';
import { elementCount } from '../../tensor/dtype.ts';
import { int4Bytes } from '../../tensor/int4.ts';
import { builtin } from '../../tensor/node.ts';
import { isVision, type Residence } from '../architecture/weight-shapes.ts';
import type { Checkpoint } from './checkpoint.ts';
import type { StoredTensor } from './stored-tensor.ts';

/** What is left for activations, copies on the way to the device, and everybody else. */
const SHARE_FOR_WEIGHTS = 0.6;

/** What a page may have: its engine's memories hold at most so much. */
const MEMORY_OF_A_PAGE = 4 * 2 ** 30;

/** How many bytes of this machine weights may take. */
export const defaultMemory = (): number => SHARE_FOR_WEIGHTS * (builtin('node:os')?.totalmem() ?? MEMORY_OF_A_PAGE);

/** How a device keeps weights, see `Driver`. */
export type WeightKeeping = Pick<Driver, 'bfloat16' | 'pack'>;

/** Bytes that the weights of a checkpoint take on a device: all of them, and those of the decoder. */
export function weightBytes(
  { tensors }: Pick<Checkpoint, 'tensors'>,
  driver: WeightKeeping,
): { readonly all: number; readonly decoder: number } {
  const sum = (wanted: (name: string) => boolean) =>
    [...tensors].reduce((total, [name, tensor]) => (wanted(name) ? total + bytesOn(driver, tensor) : total), 0);
  return { all: sum(() => true), decoder: sum((name) => !isVision(name)) };
}

/** Bytes of one weight on a device. */
function bytesOn(driver: WeightKeeping, { shape, dtype, packed }: StoredTensor): number {
  if (packed && driver.pack) return int4Bytes(shape, packed.scales.shape[0]);
  const kept = (driver.bfloat16 && dtype === 'bfloat16') || (driver.pack && dtype === 'float16');
  return (kept ? 2 : 4) * elementCount(shape);
}

/**
 * Which weights can stay on the device: all; or those of the decoder, which every token needs, where a picture is seen once; or
 * none.
 *
 * @param bytes how many they may take
 */
export function residence(checkpoint: Checkpoint, driver: WeightKeeping, bytes = defaultMemory()): Residence {
  const { all, decoder } = weightBytes(checkpoint, driver);
  return all <= bytes ? 'all' : decoder <= bytes ? 'decoder' : 'none';
}
