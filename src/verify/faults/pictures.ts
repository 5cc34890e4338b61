import type { GoldenInputs } from '../golden.ts';
import { permuted } from './weights.ts';

/** Every picture with its channels in the order blue, green, red. */
export function channelsReversed(inputs: GoldenInputs): GoldenInputs {
  const area = inputs.size ** 2;
  return { ...inputs, pixels: permuted(inputs.pixels, (i) => i + (2 - 2 * (Math.floor(i / area) % 3)) * area) };
}
