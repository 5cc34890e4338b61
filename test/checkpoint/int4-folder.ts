import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect } from 'vitest';
import { memorySource } from '../../src/checkpoint/byte-source.ts';
import { openCheckpoint } from '../../src/checkpoint/folder.ts';
import { openSafetensors, writeSafetensors } from '../../src/checkpoint/safetensors.ts';
import type { HostTensor } from '../../src/checkpoint/stored-tensor.ts';
import { survives } from './hostile.ts';
import { index } from './model-folder.ts';

const GOLDEN = 'golden/tiny-int4/act-order';

let scratch: string;
/** The tensors of the model that GPTQ packed by activation: those of its blocks, and all others. */
let [blocks, others]: Map<string, HostTensor>[] = [];

/** Makes both for the tests of the file that calls it. */
export function prepareInt4Folders(): void {
  beforeAll(async () => {
    scratch = await mkdtemp(join(tmpdir(), 'int4-'));
    [blocks, others] = await Promise.all([1, 2].map(shard));
  });
  afterAll(() => rm(scratch, { recursive: true, force: true }));
}

const shardName = (number: number) => `model-0000${number}-of-00002.safetensors`;

async function shard(number: number): Promise<Map<string, HostTensor>> {
  const path = join(GOLDEN, shardName(number));
  const tensors = new Map<string, HostTensor>();
  for (const [name, tensor] of (await openSafetensors(memorySource(await readFile(path), path))).tensors) {
    tensors.set(name, { dtype: tensor.dtype!, shape: tensor.shape, data: await tensor.read() });
  }
  return tensors;
}

interface Changes {
  /** What config.json says in its `quantization_config` beside what it said; undefined: nothing at all. */
  readonly said?: object | undefined;
  /** Names of tensors that are left out. */
  readonly drop?: RegExp;
  readonly rename?: readonly [RegExp, string];
  /** Other integers for a tensor of integers. */
  readonly change?: (name: string, data: Int32Array) => Int32Array | undefined;
  /** More tensors. */
  readonly add?: Readonly<Record<string, HostTensor>>;
  /** One file of this name instead of two shards. */
  readonly file?: string;
  readonly files?: Readonly<Record<string, string>>;
}

let folders = 0;
/** A folder with that model, changed. */
export async function int4Folder(changes: Changes): Promise<string> {
  const folder = join(scratch, `model-${folders++}`);
  await mkdir(folder);
  const { quantization_config, ...config } = JSON.parse(await readFile(join(GOLDEN, 'config.json'), 'utf8'));
  const said = 'said' in changes && !changes.said ? undefined : { ...quantization_config, ...changes.said };
  await writeFile(join(folder, 'config.json'), JSON.stringify({ ...config, quantization_config: said }));
  const tensors = new Map<string, HostTensor>(Object.entries(changes.add ?? {}));
  for (const [name, tensor] of blocks) {
    if (changes.drop?.test(name)) continue;
    const { buffer, byteOffset, byteLength } = tensor.data;
    const integers = tensor.dtype === 'int32' ? new Int32Array(buffer, byteOffset, byteLength / 4) : undefined;
    const data = (integers && changes.change?.(name, integers)) ?? tensor.data;
    tensors.set(changes.rename ? name.replace(...changes.rename) : name, { ...tensor, data });
  }
  if (changes.file) {
    await writeFile(join(folder, changes.file), writeSafetensors(new Map([...tensors, ...others])));
  } else {
    await writeFile(join(folder, shardName(1)), writeSafetensors(tensors));
    await symlink(resolve(GOLDEN, shardName(2)), join(folder, shardName(2)));
    const files = [tensors, others].flatMap((held, i) => [...held.keys()].map((name) => [name, shardName(i + 1)]));
    await writeFile(join(folder, 'model.safetensors.index.json'), index(Object.fromEntries(files)));
  }
  for (const [name, content] of Object.entries(changes.files ?? {})) await writeFile(join(folder, name), content);
  return folder;
}

/** Why a folder is refused. */
export async function refused(folder: string): Promise<string> {
  const open = () => openCheckpoint(folder);
  expect(await survives(open)).toBe('refused');
  return open().then(
    () => 'done',
    (error: Error) => error.message,
  );
}
