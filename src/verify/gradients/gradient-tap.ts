import { fnv1a } from '../../checkpoint/procedural.ts';
import { readFloat32, readFloat64, type StoredTensor } from '../../checkpoint/stored-tensor.ts';
import { CheckpointError } from '../../error.ts';
import { quote } from '../../quote.ts';
import { type GoldenTap, inUnitsOfPytorch } from '../golden.ts';
import { measure, nmse } from '../metrics.ts';
import type { Places } from './original-places.ts';

/** Which elements of a tensor are kept as samples: a hash of their number, as in the fingerprints of full-size goldens. */
export function sampled(name: string, count: number, samples: number): number[] {
  const seed = fnv1a(`sample:${name}`);
  return Array.from({ length: samples }, (_, j) => {
    let h = (Math.imul(j, 0x9e3779b1) + seed) | 0;
    h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
    h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
    return Math.floor((((h ^ (h >>> 16)) >>> 0) * count) / 2 ** 32);
  });
}

/**
 * A gradient of a golden, whole or as samples.
 *
 * @param shape as PyTorch has it
 * @param places of an activation; a weight's gradient has our order
 */
export function gradientTap(
  name: string,
  shape: readonly number[],
  places: Places | undefined,
  { stored, twin }: { readonly stored: StoredTensor; readonly twin: StoredTensor },
): GoldenTap {
  const count = elementsOf(shape);
  const { length, of: place } = places ?? { length: count, of: (at: number) => at };

  /** The value that an element of ours should have, undefined where it was not kept. */
  function kept(values: ArrayLike<number>): (at: number) => number | undefined {
    if (values.length === count) return (at) => (place(at) < 0 ? undefined : values[place(at)]);
    const samples = new Map(sampled(name, count, values.length).map((taken, j) => [taken, values[j]]));
    return (at) => samples.get(place(at));
  }

  /** Our elements that have a value; of a weight's samples without a look at all the others. */
  function known(values: ArrayLike<number>): number[] {
    if (!places && values.length < count)
      return [...new Set(sampled(name, count, values.length))].sort((a, b) => a - b);
    const value = kept(values);
    const found: number[] = [];
    for (let at = 0; at < length; at++) if (value(at) !== undefined) found.push(at);
    return found;
  }

  return {
    shape,
    async measure(data) {
      if (data.length !== length) {
        const found = `the gradient of ${quote(name)} is [${shape}], ours has ${data.length} elements`;
        throw new CheckpointError('golden', found, 'compare a golden of this model');
      }
      const [theirs, exact] = [await readFloat32(stored), await readFloat64(twin)];
      if (!places && theirs.length === count && exact.length === count) {
        return { ...compared(data, theirs), exact: inUnitsOfPytorch(nmse(data, exact), nmse(theirs, exact)) };
      }
      const [theirAt, exactAt] = [kept(theirs), kept(exact)];
      const at = known(theirs);
      const twice = at.filter((each) => exactAt(each) !== undefined);
      const select = (from: readonly number[], value: (at: number) => number | undefined) =>
        Float64Array.from(from, (each) => value(each)!);
      const own = (each: number) => data[each];
      const [ours, pytorch] = [own, theirAt].map((value) => nmse(select(twice, value), select(twice, exactAt)));
      const { metrics, ...rest } = compared(select(at, own), select(at, theirAt));
      const worst = { ...metrics.worst, index: place(at[metrics.worst.index]) };
      return { ...rest, metrics: { ...metrics, worst }, exact: inUnitsOfPytorch(ours, pytorch) };
    },
    ...(elementsOf(stored.shape) === count ? { values: async () => whole(await readFloat32(stored)) } : {}),
  };

  /** All of it in our order, 0 where it was not kept. */
  function whole(values: Float32Array): Float32Array {
    const value = kept(values);
    return Float32Array.from({ length }, (_, at) => value(at) ?? 0);
  }
}

function compared(ours: ArrayLike<number>, theirs: ArrayLike<number>) {
  const metrics = measure(ours, theirs);
  return { nmse: metrics.nmse, metrics };
}

const elementsOf = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);
