import { elements } from '../../tensor/tensor.ts';
import type { ByteSource } from '../checkpoint/byte-source.ts';
import { openSafetensors } from '../checkpoint/safetensors.ts';
import { readFloat32, readFloat64, type StoredTensor } from '../checkpoint/stored-tensor.ts';
import { CheckpointError } from '../error.ts';
import { quote } from '../quote.ts';
import { inGoldenOrder, inOurOrder } from './layout.ts';
import { toLine } from './line.ts';
import { type Metrics, measure, nmse } from './metrics.ts';
import { measureScores, type ScoreMetrics } from './scores.ts';

/** Activations that the original computed, wherever they are kept: whole, or only as fingerprints. */
export interface Golden {
  readonly name: string;
  /** What made it: versions, dtypes, hashes. */
  readonly provenance: Readonly<Record<string, string>>;
  readonly inputs: GoldenInputs;
  /** By name. */
  readonly taps: ReadonlyMap<string, GoldenTap>;
}

/** What the original was fed. */
export interface GoldenInputs {
  readonly ids: Int32Array;
  /** Normalised pictures, `[images·3·S, S]`. */
  readonly pixels: Float32Array;
  readonly images: number;
  readonly size: number;
  /** Tokens fed one by one after the prompt. */
  readonly tokens: Int32Array;
}

/** One activation of a golden. */
export interface GoldenTap {
  /** As PyTorch's module has it. */
  readonly shape: readonly number[];
  /** @param ours in our own order, rows without batch axes. @throws CheckpointError when it has another size */
  measure(ours: Float32Array): Promise<TapMeasure>;
  /** All of it in our order, to put in an activation's place. Absent where the golden keeps less. */
  values?(): Promise<Float32Array>;
  /** Its last row alone, of scores that are kept whole: an answer makes no others. */
  readonly lastRow?: GoldenTap;
}

/** How far one activation is from the original's. */
export interface TapMeasure {
  /** NMSE against PyTorch's float32. */
  readonly nmse: number;
  /** Where there is a float64 twin: our NMSE against it, and PyTorch float32's own; of scores also that of PyTorch's noisiest row. */
  readonly exact?: {
    readonly ours: number;
    readonly pytorch: number;
    readonly ratio: number;
    readonly worstRow?: number | undefined;
  };
  /** All that was measured against PyTorch's float32. */
  readonly metrics: Metrics;
  /** Of scores over the vocabulary. */
  readonly scores?: ScoreMetrics;
}

/**
 * A golden in safetensors: named activations in float32, the main ones in float64 too.
 *
 * @param exact the float64 twins, if there are any
 * @throws CheckpointError when it lacks its inputs, or they are not what they should be
 */
export async function openGolden(
  activations: ByteSource,
  exact?: ByteSource,
  { name = activations.name, provenance = {} }: Partial<Pick<Golden, 'name' | 'provenance'>> = {},
): Promise<Golden> {
  const { tensors, metadata } = await openSafetensors(activations);
  const twins = exact ? (await openSafetensors(exact)).tensors : new Map<string, StoredTensor>();
  const taps = new Map<string, GoldenTap>();
  for (const [tap, stored] of tensors) {
    if (tap.startsWith('input.') || tap === 'decode.tokens') continue;
    taps.set(tap, storedTap(tap, stored, twins.get(tap) ?? twins.get(SAME_AS.get(tap) ?? '')));
  }
  const inputs = await readInputs(tensors, activations.name);
  if (exact && twins.has('input.ids')) requireSame(inputs, await readInputs(twins, exact.name), exact.name);
  return { name, provenance: { ...readMetadata(metadata), ...provenance }, inputs, taps };
}

/** A twin tells what its inputs were where the exporter wrote it: what is left from an earlier run is no twin. */
function requireSame(inputs: GoldenInputs, twin: GoldenInputs, where: string): void {
  const same = (a: ArrayLike<number>, b: ArrayLike<number>) =>
    a.length === b.length && Array.prototype.every.call(a, (value, at) => value === b[at]);
  const tokens = inputs.tokens.subarray(0, twin.tokens.length); // it may be of fewer steps
  if (same(inputs.ids, twin.ids) && same(inputs.pixels, twin.pixels) && same(tokens, twin.tokens)) return;
  const found = 'it is of another prompt, other pictures or other tokens than the golden beside it';
  throw new CheckpointError(where, found, 'export it again with --dtype float64');
}

/** The same tensor under another name, of which alone there may be a float64 twin. */
const SAME_AS: ReadonlyMap<string, string> = new Map([['lm_head', 'logits']]);

/** What the producer says of itself; that anyone may have written. */
const readMetadata = (metadata: ReadonlyMap<string, string>) =>
  Object.fromEntries([...metadata].slice(0, 50).map(([key, text]) => [toLine(key, 100), toLine(text)]));

/** Ids beyond any vocabulary, pictures or prompts beyond any model would only fail later and less clearly. */
const MOST = { tokens: 1 << 17, pixels: 1 << 28 };

async function readInputs(tensors: ReadonlyMap<string, StoredTensor>, where: string): Promise<GoldenInputs> {
  const refuse = (found: string) => new CheckpointError(where, found, 'export the golden again');
  const integers = async (name: string) => {
    const stored = tensors.get(name);
    if (!stored) return undefined;
    if (stored.bytes > 8 * MOST.tokens) throw refuse(`${name} is [${stored.shape}], expected at most ${MOST.tokens}`);
    const values = await readFloat64(stored);
    if (!values.every((id) => Number.isSafeInteger(id) && id >= 0 && id < 2 ** 31))
      throw refuse(`${name} holds what is no token id`);
    return Int32Array.from(values);
  };
  const ids = await integers('input.ids');
  if (!ids || ids.length === 0) throw refuse('"input.ids" is missing');
  const tokens = (await integers('decode.tokens')) ?? new Int32Array(0);
  const stored = tensors.get('input.pixels');
  if (!stored) throw refuse('"input.pixels" is missing');
  const [images, colours, size, width] = stored.shape;
  if (stored.shape.length !== 4 || colours !== 3 || size !== width || stored.bytes > 4 * MOST.pixels) {
    throw refuse(`input.pixels is [${stored.shape}], expected [images, 3, S, S]`);
  }
  return { ids, tokens, pixels: await readFloat32(stored), images, size };
}

function storedTap(name: string, stored: StoredTensor, twin: StoredTensor | undefined): GoldenTap {
  const { shape } = stored;
  const reference = {
    theirs: () => readFloat32(stored),
    ...(twin ? { exact: () => readFloat64(twin) } : {}),
  };
  const whole = tapOf(name, shape, reference);
  const values = async () => inOurOrder(name, await readFloat32(stored), shape);
  if (!isScores(name)) return { ...whole, values };
  return { ...whole, values, lastRow: tapOf(name, [1, 1, shape.at(-1) ?? 1], reference) };
}

interface Reference {
  theirs(): Promise<Float32Array>;
  /** The float64 twin, where there is one. */
  exact?(): Promise<Float64Array>;
}

/** @param shape of what is compared: all that the reference has, or its last rows */
function tapOf(name: string, shape: readonly number[], reference: Reference): GoldenTap {
  return {
    shape,
    async measure(data) {
      const all = await reference.theirs();
      const start = all.length - elements(shape);
      const theirs = all.subarray(start);
      if (data.length !== theirs.length || data.length === 0) {
        const found = `${quote(name)} is [${shape}], ours has ${data.length} elements`;
        throw new CheckpointError('golden', found, 'compare a golden of this model');
      }
      const ours = inGoldenOrder(name, data, shape);
      const metrics = measure(ours, theirs);
      const exact = await reference.exact?.();
      const worstRow = exact && isScores(name) ? { worstRow: noisiestRow(all, exact, shape.at(-1)!) } : {};
      return {
        nmse: metrics.nmse,
        ...(exact ? { exact: { ...against(exact.subarray(start), ours, theirs), ...worstRow } } : {}),
        metrics,
        ...(isScores(name) ? { scores: measureScores(ours, theirs, shape.at(-1)!) } : {}),
      };
    },
  };
}

/** Scores over the vocabulary. */
export const isScores = (name: string): boolean => /^(lm_head|logits|decode\.\d+\.logits)$/.test(name);

/** Scores of one token: of a step, or of the last one alone. */
export const isOneToken = (name: string, shape: readonly number[]): boolean =>
  isScores(name) && elements(shape) === shape.at(-1);

function noisiestRow(theirs: Float32Array, exact: Float64Array, width: number): number {
  let worst = 0;
  for (let at = 0; at < exact.length; at += width)
    worst = Math.max(worst, nmse(theirs.subarray(at, at + width), exact.subarray(at, at + width)));
  return worst;
}

const against = (exact: Float64Array, ours: Float32Array, theirs: Float32Array) =>
  inUnitsOfPytorch(nmse(ours, exact), nmse(theirs, exact));

/** Two NMSEs against float64. */
export const inUnitsOfPytorch = (ours: number, pytorch: number): NonNullable<TapMeasure['exact']> => ({
  ours,
  pytorch,
  ratio: ours === 0 ? 0 : ours / pytorch,
});
