import type { FileType } from '../../tensor/dtype.ts';
import type { SafetensorsFile } from '../checkpoint/safetensors.ts';
import { readFloat64, type StoredTensor } from '../checkpoint/stored-tensor.ts';
import { CheckpointError } from '../error.ts';
import { parseJson } from '../fields.ts';
import { quote } from '../quote.ts';
import type { TapMeasurement } from './compare.ts';
import { describeElement } from './coordinates.ts';
import { isScores } from './golden.ts';
import { isLine } from './line.ts';
import { measure } from './metrics.ts';
import { measureScores } from './scores.ts';
import { ORDER } from './trace.ts';

/** What two traces have in common, measured, and what they have not. */
export interface TraceComparison {
  readonly results: readonly TapMeasurement[];
  /** Names that only one of them has. */
  readonly onlyActual: readonly string[];
  readonly onlyReference: readonly string[];
  /** Names of both whose shapes are not the same, axes of size 1 aside. */
  readonly misshapen: readonly string[];
  /** Names of both that are too large, or whose elements are of a type that cannot be measured in float64. */
  readonly unmeasured: readonly string[];
}

/** Integers and truth values are the same or they are not; that an id is off by little means nothing. */
const WHOLE: readonly (FileType | undefined)[] = [
  ...(['int64', 'int32', 'int16', 'int8', 'uint64', 'uint32', 'uint16', 'uint8', 'bool'] as const),
];

/** More elements than any activation of the published model has, and than can be measured in a reasonable memory. */
const MOST_ELEMENTS = 2 ** 27;

/**
 * Measures two files of named tensors against each other, ours or not: neither is trusted.
 *
 * @param wanted which names to compare
 * @throws CheckpointError when they have nothing in common, or something that cannot be measured
 */
export async function compareTraces(
  actual: SafetensorsFile,
  reference: SafetensorsFile,
  wanted: (name: string) => boolean = () => true,
): Promise<TraceComparison> {
  const names = [...reference.tensors.keys()].filter(wanted);
  const common = inOrder(
    names.filter((name) => actual.tensors.has(name)),
    [actual, reference],
  );
  if (common.length === 0) {
    throw new CheckpointError('traces', 'no tensor is in both', 'compare traces of the same model');
  }
  const results: TapMeasurement[] = [];
  const misshapen: string[] = [];
  const unmeasured: string[] = [];
  for (const name of common) {
    const [a, b] = [actual.tensors.get(name)!, reference.tensors.get(name)!];
    if (sizes(a) !== sizes(b)) misshapen.push(name);
    else if (!a.dtype || !b.dtype) unmeasured.push(name);
    else if (a.shape.every((size) => size > 0)) {
      const measured = await measureTensor(name, a, b);
      if (measured) results.push(measured);
      else unmeasured.push(name);
    }
  }
  return {
    results,
    onlyActual: [...actual.tensors.keys()].filter((name) => wanted(name) && !reference.tensors.has(name)),
    onlyReference: names.filter((name) => !actual.tensors.has(name)),
    misshapen,
    unmeasured,
  };
}

const sizes = ({ shape }: StoredTensor): string => shape.filter((size) => size !== 1).join();

/** @returns undefined for what is too large, and where float64 would round integers so that two that differ could look the same */
async function measureTensor(name: string, a: StoredTensor, b: StoredTensor): Promise<TapMeasurement | undefined> {
  const elements = b.shape.reduce((product, size) => product * size, 1);
  if (name.length > 200 || !isLine(name)) {
    throw new CheckpointError('traces', `${quote(name)} [${b.shape}] cannot be measured`, 'leave it out with --tap');
  }
  if (elements > MOST_ELEMENTS) return undefined;
  const [ours, theirs] = [await readFloat64(a), await readFloat64(b)];
  const whole = WHOLE.includes(a.dtype) && WHOLE.includes(b.dtype);
  if (whole && !(ours.every(Number.isSafeInteger) && theirs.every(Number.isSafeInteger))) return undefined;
  const metrics = measure(ours, theirs);
  const differ = whole && metrics.nmse > 0;
  return {
    name,
    shape: b.shape,
    operations: [],
    place: describeElement(name, b.shape, metrics.worst.index),
    nmse: differ ? Number.POSITIVE_INFINITY : metrics.nmse,
    metrics,
    ...(isScores(name) ? { scores: measureScores(ours, theirs, b.shape.at(-1) ?? 1) } : {}),
  };
}

/** In the order of the computation where one of the files says it; names that are not in it come last, as they were. */
function inOrder(names: readonly string[], files: readonly SafetensorsFile[]): string[] {
  const order = files.map(({ metadata }) => listOf(metadata.get(ORDER))).find((list) => list !== undefined) ?? [];
  const rank = new Map(order.map((name, i) => [name, i]));
  return [...names].sort((a, b) => (rank.get(a) ?? order.length) - (rank.get(b) ?? order.length));
}

function listOf(json: string | undefined): readonly unknown[] | undefined {
  try {
    const list = parseJson(json ?? '', 'order');
    return Array.isArray(list) ? list : undefined;
  } catch {
    return undefined; // anyone may have written it; without it only the order is lost
  }
}
