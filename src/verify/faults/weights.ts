import type { Given } from '../../../tensor/device.ts';
import { widenBfloat16 } from '../../../tensor/dtype.ts';
import type { Config } from '../../architecture/config.ts';
import type { Load, SwitchOf } from './fault-switch.ts';

/** Changes the elements of the weights whose name fits. The given array belongs to others: what changes is a copy. */
export const changed = (
  name: RegExp,
  change: (values: Float32Array, config: Config) => Float32Array,
): SwitchOf<'weights'> => ({
  weights: (load, config) => async (wanted) => {
    const given = await load(wanted);
    return name.test(wanted) ? change(inFloat32(given), config) : given;
  },
});

/** The elements of a weight, however they are kept. */
function inFloat32(given: Given): Float32Array {
  const values = 'onHost' in given ? given.onHost() : given;
  if (values instanceof Float32Array) return values;
  return values instanceof Uint16Array ? widenBfloat16(values) : Float32Array.from(values);
}

/** Reads a weight under another name. */
export const renamed = (rename: (name: string) => string): SwitchOf<'weights'> => ({
  weights:
    (load): Load =>
    (name) =>
      load(rename(name)),
});

/** Takes element `from(i)` for element i. */
export const permuted = (values: Float32Array, from: (i: number) => number): Float32Array =>
  values.map((_, i) => values[from(i)]);

export const transposed = (values: Float32Array, side: number): Float32Array =>
  permuted(values, (i) => (i % side) * side + Math.floor(i / side));
