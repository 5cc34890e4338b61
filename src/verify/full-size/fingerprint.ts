import { CheckpointError } from '../../error.ts';
import { isObject } from '../../fields.ts';
import { quote } from '../../quote.ts';
import { atLeast, type Decoder, list, number, object, optional, whole } from '../decoder.ts';
import { type GoldenTap, inUnitsOfPytorch, type TapMeasure } from '../golden.ts';
import { measure, nmse } from '../metrics.ts';

/** What is kept of an activation that is too large to keep: its statistics, and some of its elements. */
export interface Fingerprint {
  readonly shape: readonly number[];
  readonly mean: number;
  /** The population's standard deviation. */
  readonly std: number;
  readonly absmax: number;
  readonly l2: number;
  /** Which elements are kept, row-major, and what they are. */
  readonly index: readonly number[];
  readonly value: readonly number[];
}

type Statistics = Pick<Fingerprint, 'mean' | 'std' | 'absmax' | 'l2'>;

/** Sums in float64. */
export function statistics(data: ArrayLike<number>): Statistics {
  let [sum, squares, absmax] = [0, 0, 0];
  for (let i = 0; i < data.length; i++) {
    sum += data[i];
    squares += data[i] * data[i];
    absmax = Math.max(absmax, Math.abs(data[i]));
  }
  const mean = sum / data.length;
  let deviations = 0;
  for (let i = 0; i < data.length; i++) deviations += (data[i] - mean) ** 2;
  return { mean, std: Math.sqrt(deviations / data.length), absmax, l2: Math.sqrt(squares) };
}

/** A tap of which only a fingerprint is known, and perhaps that of its float64 twin. */
export function fingerprintTap(name: string, theirs: Fingerprint, exact?: Fingerprint): GoldenTap {
  const count = theirs.shape.reduce((product, size) => product * size, 1);
  return {
    shape: theirs.shape,
    async measure(ours) {
      if (ours.length !== count) {
        const found = `${quote(name)} is [${theirs.shape}], ours has ${ours.length} elements`;
        throw new CheckpointError('golden', found, 'compare a golden of this model');
      }
      const sampled = measure(
        theirs.index.map((index) => ours[index]),
        theirs.value,
      );
      const worst = { ...sampled.worst, index: theirs.index[sampled.worst.index] };
      // An error anywhere shows in the statistics if it is large enough, however few elements are kept.
      const apart = Math.max(sampled.nmse, leastNmse(statistics(ours), theirs, count));
      return {
        nmse: apart,
        ...(exact ? { exact: against(exact, ours, theirs, count) } : {}),
        metrics: { ...sampled, nmse: apart, worst },
      };
    },
  };
}

/** By the samples that both have: of scores they also keep the largest, which need not be the same ones. */
function against(
  exact: Fingerprint,
  ours: Float32Array,
  theirs: Fingerprint,
  count: number,
): NonNullable<TapMeasure['exact']> {
  const values = new Map(exact.index.map((index, at) => [index, exact.value[at]]));
  const shared = [...theirs.index.keys()].filter((at) => values.has(theirs.index[at]));
  const reference = shared.map((at) => values.get(theirs.index[at])!);
  const apart = (samples: number[], moments: Statistics) =>
    Math.max(nmse(samples, reference), leastNmse(moments, exact, count));
  return inUnitsOfPytorch(
    apart(
      shared.map((at) => ours[theirs.index[at]]),
      statistics(ours),
    ),
    apart(
      shared.map((at) => theirs.value[at]),
      theirs,
    ),
  );
}

/**
 * The least NMSE that two tensors with these statistics can have: means, deviations and norms differ by no more than the
 * tensors do, |mean(a) − mean(b)|·√N ≤ ‖a − b‖, |std(a) − std(b)|·√N ≤ ‖a − b‖ and |‖a‖ − ‖b‖| ≤ ‖a − b‖.
 */
function leastNmse(ours: Statistics, theirs: Statistics, count: number): number {
  const scale = Math.sqrt(count);
  const apart = [(ours.mean - theirs.mean) * scale, (ours.std - theirs.std) * scale, ours.l2 - theirs.l2];
  const lost = count * 2 ** -53; // a plain sum in float64 may be off by so much, relative to the norm
  return Math.max(...apart.map((difference) => Math.max(0, Math.abs(difference) / theirs.l2 - lost) ** 2));
}

/** More than any golden needs. */
const MOST = { taps: 10_000, samples: 100_000, size: 2 ** 31 };

const samples = <Value>(item: Decoder<Value>) => list(item, MOST.samples);
const fingerprint: Decoder<Fingerprint> = object({
  shape: list(whole(1, MOST.size), 16),
  mean: number,
  std: atLeast(0),
  absmax: atLeast(0),
  l2: atLeast(0),
  index: samples(whole(0, Number.MAX_SAFE_INTEGER)),
  value: samples(number),
  top: optional(samples(list(number, 2))),
});

/**
 * Reads fingerprints from untrusted JSON. The largest scores that a fingerprint of scores lists are samples like others.
 *
 * @param taps names and fingerprints; names that begin with "_" are something else
 * @throws CheckpointError that names the first one that is not sound
 */
export function parseFingerprints(taps: unknown, where: string): Map<string, Fingerprint> {
  const refuse = (found: string) => new CheckpointError(where, found, 'export the golden again');
  if (!isObject(taps)) throw refuse('it has no "taps"');
  const entries = Object.entries(taps).filter(([name]) => !name.startsWith('_'));
  if (entries.length > MOST.taps) throw refuse(`${entries.length} taps, expected at most ${MOST.taps}`);
  return new Map(
    entries.map(([name, tap]) => {
      const { top = [], ...theirs } = fingerprint(tap, `${where}: ${quote(name)}`) as Fingerprint & Top;
      const count = theirs.shape.reduce((product, size) => product * size, 1);
      const index = [...theirs.index, ...top.map(([at]) => at)];
      const sound = index.length > 0 && theirs.index.length === theirs.value.length && theirs.l2 > 0;
      if (!sound || !index.every((at) => Number.isSafeInteger(at) && at >= 0 && at < count)) {
        throw refuse(`${quote(name)} has no samples, or some outside its ${count} elements`);
      }
      const value = [...theirs.value, ...top.map(([, score]) => score)];
      return [ourName(name), { ...theirs, index, value }];
    }),
  );
}

/** Fingerprints call the sequence by this name once its images are in place, unlike the module of that name. */
const ourName = (name: string): string => (name === 'transformer.drop' ? 'transformer.spliced' : name);

interface Top {
  readonly top?: readonly (readonly number[])[];
}
