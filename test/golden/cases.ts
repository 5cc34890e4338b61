import { readFile } from 'node:fs/promises';
import { parseConfig } from '../../src/architecture/config.ts';
import { type Checkpoint, checkpointFrom } from '../../src/checkpoint/checkpoint.ts';
import { openFile } from '../../src/checkpoint/file-source.ts';
import type { FileSource } from '../../src/checkpoint/files.ts';
import { openCheckpoint } from '../../src/checkpoint/folder.ts';
import { openSafetensors } from '../../src/checkpoint/safetensors.ts';
import { type Golden, openGolden } from '../../src/verify/golden.ts';

/** Every golden of whole forward passes that the repository ships, and how many activations it must name. */
export const CASES = [
  { name: 'model-a', kind: 'random', taps: 86 },
  { name: 'model-b', kind: 'random', taps: 65 },
  { name: 'model-e', kind: 'random', taps: 58 },
  { name: 'describe', kind: 'trained', of: 'tiny', file: 'describe', taps: 100 },
  { name: 'locate-zh', kind: 'trained', of: 'tiny', file: 'locate-zh', taps: 16 },
  { name: 'two-pictures', kind: 'trained', of: 'tiny', file: 'two-pictures', taps: 16 },
  { name: 'picture-book describe', kind: 'trained', of: 'picture-book', file: 'describe', taps: 106 },
  { name: 'picture-book locate-zh', kind: 'trained', of: 'picture-book', file: 'locate-zh', taps: 20 },
  { name: 'picture-book two-pictures', kind: 'trained', of: 'picture-book', file: 'two-pictures', taps: 20 },
] as const;

export interface OpenedCase {
  readonly checkpoint: Checkpoint;
  readonly golden: Golden;
  close(): Promise<void>;
}

export async function openCase(wanted: (typeof CASES)[number]): Promise<OpenedCase> {
  const { name, kind } = wanted;
  const files: FileSource[] = [];
  const open = async (path: string) => {
    files.push(await openFile(path));
    return files[files.length - 1];
  };
  const base =
    kind === 'random' ? `golden/quirks/${name}.activations` : `golden/${wanted.of}/activations/${wanted.file}`;
  const golden = await openGolden(await open(`${base}.safetensors`), await open(`${base}.f64.safetensors`));
  const checkpoint = kind === 'random' ? await randomModel(name, open) : await openCheckpoint(`golden/${wanted.of}`);
  return {
    checkpoint,
    golden,
    async close() {
      await checkpoint.close();
      for (const file of files) await file.close();
    },
  };
}

async function randomModel(name: string, open: (path: string) => Promise<FileSource>): Promise<Checkpoint> {
  const path = `golden/quirks/${name}.config.json`;
  const config = parseConfig(JSON.parse(await readFile(path, 'utf8')), path);
  const { tensors } = await openSafetensors(await open(`golden/quirks/${name}.weights.safetensors`));
  return checkpointFrom({ path, config, tensors });
}
