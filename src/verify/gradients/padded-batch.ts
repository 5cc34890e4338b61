import type { SafetensorsFile } from '../../checkpoint/safetensors.ts';
import { readFloat32, readFloat64, type StoredTensor } from '../../checkpoint/stored-tensor.ts';
import { CheckpointError } from '../../error.ts';
import { quote } from '../../quote.ts';
import type { Batch, Sequence } from '../../train/batch.ts';

export type Tensors = SafetensorsFile['tensors'];

/** A batch without its padding, and how wide the original's rows were with it. */
export interface Padded {
  readonly batch: Batch;
  readonly width: number;
  /** For each of our rows, all sequences one below the other, the original's row. */
  readonly rows: readonly number[];
}

/** @throws CheckpointError when a golden lacks it */
export function needed(tensors: Tensors, key: string, where: string): StoredTensor {
  const stored = tensors.get(key);
  if (stored) return stored;
  throw new CheckpointError(where, `${quote(key)} is missing`, 'export the golden again');
}

const INTEGERS = ['input.ids', 'input.labels', 'input.attention_mask'] as const;

/** What the original was fed. @throws CheckpointError when something is missing, or does not fit together */
export async function readBatch(tensors: Tensors, where: string): Promise<Padded> {
  const [ids, labels, mask] = await Promise.all(INTEGERS.map((key) => readFloat64(needed(tensors, key, where))));
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

/** A twin tells what its batch was where the exporter wrote it: what is left from an earlier run is no twin. @throws CheckpointError */
export async function requireSameBatch(tensors: Tensors, twins: Tensors, where: string): Promise<void> {
  if (!twins.has('input.ids')) return;
  for (const key of [...INTEGERS, 'input.pixels']) {
    const [theirs, own] = await Promise.all(
      [tensors, twins].map(async (file) => (file.has(key) ? readFloat64(file.get(key)!) : new Float64Array())),
    );
    if (theirs.length === own.length && theirs.every((value, at) => value === own[at])) continue;
    throw new CheckpointError(
      where,
      'it is of another batch than the golden beside it',
      'export it again with --dtype float64',
    );
  }
}
