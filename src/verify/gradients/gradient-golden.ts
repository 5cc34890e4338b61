import type { Config } from '../../architecture/config.ts';
import { weightShapes } from '../../architecture/weight-shapes.ts';
import type { ByteSource } from '../../checkpoint/byte-source.ts';
import { fnv1a } from '../../checkpoint/procedural.ts';
import { openSafetensors, type SafetensorsFile } from '../../checkpoint/safetensors.ts';
import { readFloat32, readFloat64, type StoredTensor } from '../../checkpoint/stored-tensor.ts';
import { CheckpointError } from '../../error.ts';
import { quote } from '../../quote.ts';
import type { Batch, Sequence } from '../../train/batch.ts';
import { supervised } from '../../train/loss.ts';
import type { GoldenTap } from '../golden.ts';
import { inOurOrder } from '../layout.ts';
import { measure, nmse } from '../metrics.ts';

/** What the original computed backwards of one batch, in training mode. */
export interface GradientGolden {
  readonly name: string;
  readonly batch: Batch;
  /** The loss in PyTorch's float64, and in its float32. */
  readonly loss: { readonly exact: number; readonly pytorch: number };
  /** The gradients of weights and of named activations, by the name of what they belong to. */
  readonly taps: ReadonlyMap<string, GoldenTap>;
}

type Tensors = SafetensorsFile['tensors'];

/**
 * A gradient golden: `grad.X` is dLoss/dX, X a weight or an activation; where a tensor is too large to keep, `sample.X` holds some of its
 * elements (golden/train/README.md).
 *
 * @param exact the same in float64: what gradients are judged by
 * @throws CheckpointError when it lacks its batch, or a tensor is no gradient of this model
 */
export async function openGradientGolden(
  activations: ByteSource,
  exact: ByteSource,
  config: Config,
): Promise<GradientGolden> {
  const { tensors } = await openSafetensors(activations);
  const { tensors: twins } = await openSafetensors(exact);
  const { name } = activations;
  const padded = await readBatch(tensors, name);
  const shapes = weightShapes(config);
  const taps = new Map<string, GoldenTap>();
  for (const [key, stored] of tensors) {
    const [, kind, tap] = /^(grad|sample)\.(.*)$/.exec(key) ?? [];
    const twin = twins.get(`grad.${tap}`) ?? twins.get(`sample.${tap}`);
    if (!kind || !twin) continue;
    const shape = shapes.get(tap) ?? (kind === 'grad' ? stored.shape : activationShape(tap, padded, config));
    const places = shapes.has(tap) ? undefined : placesOf(tap, shape, padded);
    taps.set(ourName(tap), gradientTap(tap, shape, places, { stored, twin }));
  }
  const loss = async (file: Tensors) => (await readFloat64(needed(file, 'loss', name)))[0];
  return { name, batch: padded.batch, loss: { exact: await loss(twins), pytorch: await loss(tensors) }, taps };
}

/** The sequence with its pictures in place has a name of its own here, and scores are those of `lm_head`. */
const ourName = (tap: string): string =>
  tap === 'transformer.h.0:input' ? 'transformer.spliced' : tap === 'logits' ? 'lm_head' : tap;

/** A batch without its padding, and how wide the original's rows were with it. */
interface Padded {
  readonly batch: Batch;
  readonly width: number;
  /** For each of our rows, all sequences one below the other, the original's row. */
  readonly rows: readonly number[];
}

function needed(tensors: Tensors, key: string, where: string): StoredTensor {
  const stored = tensors.get(key);
  if (stored) return stored;
  throw new CheckpointError(where, `${quote(key)} is missing`, 'export the golden again');
}

async function readBatch(tensors: Tensors, where: string): Promise<Padded> {
  const [ids, labels, mask] = await Promise.all(
    ['input.ids', 'input.labels', 'input.attention_mask'].map((key) => readFloat64(needed(tensors, key, where))),
  );
  const [count, width] = needed(tensors, 'input.ids', where).shape;
  if (width === undefined || labels.length !== ids.length || mask.length !== ids.length) {
    throw new CheckpointError(where, 'ids, labels and mask differ in shape', 'export the golden again');
  }
  const real = Array.from({ length: count }, (_, sequence) =>
    Array.from({ length: width }, (_, t) => sequence * width + t).filter((at) => mask[at] === 1),
  );
  const sequences = real.map(
    (places): Sequence => ({
      ids: Int32Array.from(places, (at) => ids[at]),
      labels: Int32Array.from(places, (at) => labels[at]),
    }),
  );
  const stored = tensors.get('input.pixels');
  const pixels = stored ? await readFloat32(stored) : new Float32Array();
  return { batch: { sequences, pixels, images: stored?.shape[0] ?? 0 }, width, rows: real.flat() };
}

/** The shape of an activation of which only samples are kept. */
function activationShape(
  name: string,
  { batch, width }: Padded,
  { visual, hidden_size, vocab_size }: Config,
): number[] {
  const images = Math.max(1, batch.images); // a batch without any has run one of zeros
  const grid = visual.image_size / visual.patch_size;
  if (name === 'logits') return [batch.sequences.length, width, vocab_size];
  if (!name.startsWith('transformer.visual')) return [batch.sequences.length, width, hidden_size];
  if (name === 'transformer.visual.conv1') return [images, visual.width, grid, grid];
  if (name === 'transformer.visual.ln_pre') return [images, grid * grid, visual.width];
  return [grid * grid, images, visual.width]; // what is smaller is kept whole
}

/** For each of our elements its place in the original's tensor, −1 where it has none. */
function placesOf(name: string, shape: readonly number[], { batch, width, rows }: Padded): Int32Array {
  const columns = shape.at(-1)!;
  const count = shape.reduce((a, b) => a * b, 1);
  const wholeRows = (taken: readonly number[]) =>
    Int32Array.from(
      { length: within(name, count, taken.length * columns) },
      (_, at) => taken[Math.floor(at / columns)] * columns + (at % columns),
    );
  if (name === 'logits' || name === 'lm_head') {
    return wholeRows([...supervised(batch.sequences).rows].map((row) => rows[row]));
  }
  if (name.endsWith('attn.attn_dropout')) {
    const keys = Math.max(...batch.sequences.map(({ ids }) => ids.length));
    within(name, count, shape[1] * rows.length * keys);
    return probabilityPlaces(shape[1], keys, { width, rows });
  }
  if (!name.startsWith('transformer.visual')) return wholeRows(rows);
  return Int32Array.from(
    inOurOrder(
      name,
      Float32Array.from({ length: count }, (_, at) => at),
      shape,
    ),
  );
}

/** Ours is a part of the original's, whose size a file may say anything of. @throws CheckpointError */
function within(name: string, count: number, ours: number): number {
  if (ours <= count) return ours;
  const found = `the gradient of ${quote(name)} has ${count} elements, expected at least ${ours}`;
  throw new CheckpointError('golden', found, 'compare a golden of this model');
}

/**
 * Ours are `[H·N, C]`, of each row the keys from its sequence's first on. Quirk: the original's gradient of a probability that the mask has
 * made 0 is not 0, though nothing comes of it; here there is none.
 */
function probabilityPlaces(heads: number, columns: number, { width, rows }: Omit<Padded, 'batch'>): Int32Array {
  return Int32Array.from({ length: heads * rows.length * columns }, (_, at) => {
    const key = at % columns;
    const item = Math.floor(at / columns);
    const [head, row] = [Math.floor(item / rows.length), rows[item % rows.length]];
    const [sequence, token] = [Math.floor(row / width), row % width];
    return key > token ? -1 : ((sequence * heads + head) * width + token) * width + key;
  });
}

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

function gradientTap(
  name: string,
  shape: readonly number[],
  places: Int32Array | undefined,
  { stored, twin }: { readonly stored: StoredTensor; readonly twin: StoredTensor },
): GoldenTap {
  const count = shape.reduce((a, b) => a * b, 1);
  const length = places?.length ?? count;
  const place = (at: number): number => (places ? places[at] : at);
  const isWhole = (values: ArrayLike<number>): boolean => values.length === count;

  /** The value that an element of ours should have, undefined where it was not kept. */
  function kept(values: ArrayLike<number>): (at: number) => number | undefined {
    if (isWhole(values)) return (at) => (place(at) < 0 ? undefined : values[place(at)]);
    const samples = new Map(sampled(name, count, values.length).map((taken, j) => [taken, values[j]]));
    return (at) => samples.get(place(at));
  }

  return {
    shape,
    async measure(data) {
      if (data.length !== length) {
        const found = `the gradient of ${quote(name)} is [${shape}], ours has ${data.length} elements`;
        throw new CheckpointError('golden', found, 'compare a golden of this model');
      }
      const [theirs, exact] = [kept(await readFloat32(stored)), kept(await readFloat64(twin))];
      const known = [...data.keys()].filter((at) => theirs(at) !== undefined);
      const doubly = known.filter((at) => exact(at) !== undefined);
      const of = (values: (at: number) => number | undefined, at: readonly number[]) => at.map((i) => values(i)!);
      const own = (at: number) => data[at];
      const metrics = measure(of(own, known), of(theirs, known));
      const [ours, pytorch] = [own, theirs].map((values) => nmse(of(values, doubly), of(exact, doubly)));
      return {
        nmse: metrics.nmse,
        exact: { ours, pytorch, ratio: ours === 0 ? 0 : ours / pytorch },
        metrics: { ...metrics, worst: { ...metrics.worst, index: place(known[metrics.worst.index]) } },
      };
    },
    ...(stored.shape.reduce((a, b) => a * b, 1) === count
      ? { values: async () => whole(await readFloat32(stored)) }
      : {}),
  };

  /** All of it in our order, 0 where it was not kept. */
  function whole(values: Float32Array): Float32Array {
    const value = kept(values);
    return Float32Array.from({ length }, (_, at) => value(at) ?? 0);
  }
}
