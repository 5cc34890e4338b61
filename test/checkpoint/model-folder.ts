import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll } from 'vitest';
import { memorySource } from '../../src/checkpoint/byte-source.ts';
import { openSafetensors } from '../../src/checkpoint/safetensors.ts';
import type { HostTensor } from '../../src/checkpoint/stored-tensor.ts';
import { type Saved, torchArchive } from './torch-writer.ts';

export const golden = (file: string): string => fileURLToPath(new URL(`../../golden/${file}`, import.meta.url));

/** A folder for the tests of one file, removed after them. */
export let scratch: string;
/** The weights of a small model, as they lie in its file. */
export let weights: Map<string, HostTensor>;

/** Makes both for the tests of the file that calls it: several files may share this module. */
export function prepareModelFolders(): void {
  beforeAll(async () => {
    scratch = await mkdtemp(join(tmpdir(), 'checkpoint-'));
    const file = await readFile(golden('quirks/model-e.weights.safetensors'));
    weights = new Map();
    for (const [name, tensor] of (await openSafetensors(memorySource(file, 'e'))).tensors) {
      weights.set(name, { dtype: tensor.dtype!, shape: tensor.shape, data: await tensor.read() });
    }
  });
  afterAll(() => rm(scratch, { recursive: true, force: true }));
}

let folders = 0;
/** A folder with the small model's config.json and these files. */
export async function folderOf(files: Record<string, string | Uint8Array>): Promise<string> {
  const folder = join(scratch, `model-${folders++}`);
  await mkdir(folder);
  await cp(golden('quirks/model-e.config.json'), join(folder, 'config.json'));
  for (const [name, content] of Object.entries(files)) await writeFile(join(folder, name), content);
  return folder;
}

export function asTorch(tensors: Map<string, HostTensor>): Uint8Array {
  const storages: Record<string, Saved['storages'][string]> = {};
  const views: [string, Saved['tensors'][number][1]][] = [];
  for (const [name, { dtype, shape, data }] of tensors) {
    const storage = `${views.length}`;
    storages[storage] = { dtype, data, elements: shape.reduce((a, b) => a * b, 1) };
    const strides = shape.map((_, axis) => shape.slice(axis + 1).reduce((a, b) => a * b, 1));
    views.push([name, { storage, offset: 0, shape, strides }]);
  }
  return torchArchive({ storages, tensors: views });
}

/** The weights in two halves, and an index that says so. */
export function shards(extension: string, write: (tensors: Map<string, HostTensor>) => Uint8Array) {
  const entries = [...weights];
  const halves = [entries.slice(0, 20), entries.slice(20)];
  const name = (half: number) => `model-${half}${extension}`;
  const weightMap = Object.fromEntries(halves.flatMap((half, i) => half.map(([tensor]) => [tensor, name(i)])));
  const files = Object.fromEntries(halves.map((half, i) => [name(i), write(new Map(half))]));
  return { weightMap, files };
}

export const index = (weightMap: object) => JSON.stringify({ metadata: {}, weight_map: weightMap });
