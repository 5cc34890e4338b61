import { parseJson } from '../../fields.ts';
import type { TapMeasurement } from '../compare.ts';
import { atLeast, type Decoder, line, list, number, object, oneOf, optional, recordOf, whole } from '../decoder.ts';
import { BUCKETS } from '../histogram.ts';
import { type InputRun, MOST_TOLD } from '../inputs/input-report.ts';
import { KINDS, TOLERANCES, type Tolerances } from '../tolerances.ts';
import { type Report, SCHEMA, SCHEMA_VERSION } from './report.ts';

/** Far more than any model has taps, and any machine devices. */
const MOST = { runs: 1000, parts: 100, taps: 10_000, operations: 10_000, size: Number.MAX_SAFE_INTEGER };

const AGAIN = 'save it again';

const count = whole(0, MOST.size);
const distance = atLeast(0);

const metrics = object({
  elements: whole(1, MOST.size),
  nmse: distance,
  maxAbsolute: distance,
  rms: distance,
  maxRelative: distance,
  cosine: number,
  ulp: object({ p50: distance, p99: distance, max: distance }),
  nonFinite: object({ nan: count, infinite: count, referenceNan: count, referenceInfinite: count }),
  histogram: object({
    zeros: count,
    infinite: count,
    first: whole(BUCKETS.least, BUCKETS.most),
    counts: list(count, BUCKETS.most - BUCKETS.least + 1),
  }),
  worst: object({ index: count, actual: number, reference: number }),
});

const scores = object({
  rows: count,
  maxDivergence: distance,
  topOverlap: number,
  smallestMargin: distance,
  flipCount: count,
  flips: list(object({ row: count, expected: count, found: count, margin: number }), 100),
});

/** One measured activation. */
export const tapMeasurement: Decoder<TapMeasurement> = object({
  name: line(200),
  shape: list(whole(0, MOST.size), 16),
  operations: list(line(100), MOST.operations),
  place: line(),
  nmse: distance,
  exact: optional(object({ ours: distance, pytorch: distance, ratio: distance, worstRow: optional(distance) })),
  metrics,
  scores: optional(scores),
});

const inputRun: Decoder<InputRun> = object({
  golden: object({ name: line(), provenance: recordOf(line(), 100) }),
  seconds: distance,
  parts: list(
    object({
      name: line(100),
      unit: oneOf('pictures', 'texts', 'conversations'),
      compared: count,
      off: count,
      differences: list(
        object({ item: line(), differing: count, of: count, largest: optional(distance), place: line() }),
        MOST_TOLD,
      ),
    }),
    MOST.parts,
  ),
});

const report: Decoder<Report> = object({
  schema: oneOf(SCHEMA),
  version: oneOf(SCHEMA_VERSION),
  made: object({ date: line(100), project: line(100), runtime: line(200), system: line(200) }),
  runs: list(
    object({
      golden: object({ name: line(), kind: oneOf(...KINDS), provenance: recordOf(line(), 100) }),
      device: object({ name: line(100), description: line() }),
      outcome: oneOf('measured', 'unavailable', 'degraded'),
      reason: optional(line()),
      seconds: distance,
      free: optional(list(tapMeasurement, MOST.taps)),
      forced: optional(list(tapMeasurement, MOST.taps)),
      fused: optional(list(tapMeasurement, MOST.taps)),
    }),
    MOST.runs,
  ),
  inputs: optional(list(inputRun, MOST.runs)),
});

/**
 * Reads a report that was saved. It is not trusted.
 *
 * @param where the file, for errors
 * @throws CheckpointError
 */
export const readReport = (text: string, where: string): Report => report(parseJson(text, where, AGAIN), where);

const ratio = atLeast(0);
const activationRatios = { random: ratio, trained: ratio };
const gradientRatios = { gradient: optional(ratio), 'trained-gradient': optional(ratio) };
const perKind = object(activationRatios);
const overrides = object({
  devices: optional(recordOf(object({ ...activationRatios, ...gradientRatios }), 100)),
  branchNoise: optional(ratio),
  addedNoise: optional(
    object({
      moved: optional(perKind),
      table: optional(perKind),
      norm: optional(perKind),
      product: optional(perKind),
      branch: optional(perKind),
    }),
  ),
  gradientNoise: optional(ratio),
  trainedGradients: optional(object({ noise: ratio, crest: ratio })),
  inherited: optional(ratio),
  noiseWithoutTwins: optional(ratio),
  bfloat16Noise: optional(object({ free: ratio, forced: ratio })),
  crest: optional(ratio),
});

/** Reads another table of tolerances: what it does not say stays as it is. @throws CheckpointError */
export function readTolerances(text: string, where: string): Tolerances {
  const { devices, addedNoise, ...others } = overrides(parseJson(text, where, AGAIN), where);
  return {
    ...TOLERANCES,
    ...others,
    devices: { ...TOLERANCES.devices, ...Object.fromEntries(Object.entries(devices ?? {}).map(withGradients)) },
    addedNoise: { ...TOLERANCES.addedNoise, ...addedNoise },
  };
}

interface GivenRow {
  readonly random: number;
  readonly trained: number;
  readonly gradient?: number | undefined;
  readonly 'trained-gradient'?: number | undefined;
}

/** A table of before there were gradients allows them what is allowed here, and a device of its own what it allows activations. */
function withGradients([name, row]: [string, GivenRow]) {
  const shipped = Object.hasOwn(TOLERANCES.devices, name) ? TOLERANCES.devices[name] : undefined;
  const gradient = row.gradient ?? shipped?.gradient ?? row.random;
  const trained = row['trained-gradient'] ?? shipped?.['trained-gradient'] ?? row.trained;
  return [name, { ...row, gradient, 'trained-gradient': trained }] as const;
}
