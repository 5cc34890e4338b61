import { rm, stat } from 'node:fs/promises';
import { openFile } from '../../checkpoint/file-source.ts';
import { openSafetensors, writeSafetensors } from '../../checkpoint/safetensors.ts';
import { readFloat32 } from '../../checkpoint/stored-tensor.ts';
import { CheckpointError } from '../../error.ts';
import { parseJson } from '../../fields.ts';
import { writeWhole } from '../../write-file.ts';
import { list, object, whole } from '../decoder.ts';
import { tapMeasurement } from '../report/read-report.ts';
import type { Progress } from './full-size.ts';

/** What a pass is of: progress of another is of no use to it. */
export interface Identity {
  /** The SHA-256 of the golden. */
  readonly golden: string;
  readonly device: string;
}

const saved = object({ done: whole(1, 1_000_000), taps: list(tapMeasurement, 10_000) });
const LARGEST_ACTIVATION = 2 ** 32;

/** Writes progress into a safetensors file, whole or not at all. @throws InputError */
export async function saveProgress(path: string, what: Identity, { done, x, shape, taps }: Progress): Promise<void> {
  const tensors = new Map([['x', { dtype: 'float32' as const, shape, data: x }]]);
  const file = writeSafetensors(tensors, { ...what, progress: JSON.stringify({ done, taps }) });
  await writeWhole(path, file, { remedy: 'free some space, or choose another file with --resume' });
}

/**
 * Reads progress; undefined when there is no such file.
 *
 * @throws CheckpointError when it is of another golden or device, or not sound
 */
export async function loadProgress(path: string, what: Identity): Promise<Progress | undefined> {
  if (!(await stat(path).catch(() => undefined))) return undefined;
  const file = await openFile(path);
  const refuse = (found: string) => new CheckpointError(path, found, 'delete it, or choose another file with --resume');
  try {
    const { tensors, metadata } = await openSafetensors(file);
    const other = (['golden', 'device'] as const).find((key) => metadata.get(key) !== what[key]);
    if (other) throw refuse(`the progress of another ${other}`);
    const { done, taps } = saved(parseJson(metadata.get('progress') ?? 'null', path), path);
    const stored = tensors.get('x');
    if (stored?.shape.length !== 2 || stored.bytes > LARGEST_ACTIVATION) throw refuse('no activation');
    return { done, taps, x: await readFloat32(stored), shape: stored.shape };
  } catch (cause) {
    throw cause instanceof CheckpointError ? cause : refuse('no progress that can be read');
  } finally {
    await file.close();
  }
}

export const forgetProgress = (path: string): Promise<void> => rm(path, { force: true });
