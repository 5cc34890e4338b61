import type { Config } from '../../src/architecture/config.ts';
import type { Load, Switch } from './fault.ts';

/** Changes the elements of the weights whose name fits. The given array belongs to others: what changes is a copy. */
export const changed = (
  name: RegExp,
  change: (values: Float32Array, config: Config) => Float32Array,
): Extract<Switch, { weights: unknown }> => ({
  weights: (load, config) => async (wanted) => {
    const values = await load(wanted);
    return name.test(wanted) ? change(values, config) : values;
  },
});

/** Reads a weight under another name. */
export const renamed = (rename: (name: string) => string): Extract<Switch, { weights: unknown }> => ({
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
