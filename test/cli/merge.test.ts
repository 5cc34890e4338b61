import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openCheckpoint } from '../../src/checkpoint/folder.ts';
import { openAdapted } from '../../src/checkpoint/lora.ts';
import { runMerge } from '../../src/cli/merge.ts';
import { mergedWeight } from '../../src/generate/merge.ts';
import { openDevice } from '../../src/open-device.ts';
import { closeDevice } from '../../tensor/device.ts';
import { qvlHere } from '../verify/qvl.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'merge-'));
});
afterAll(() => rm(folder, { recursive: true }));

interface Sampled {
  shape: number[];
  index: number[];
  value: number[];
}

test('merged matrices are W + s·B·A', async () => {
  const { matrices } = JSON.parse(await readFile('golden/tiny-lora/finetune/merged.json', 'utf8'));
  const { device } = await openDevice('simd', 1);
  const checkpoint = await openAdapted('golden/tiny', 'golden/tiny-lora/finetune');
  for (const [module, { shape, index, value }] of Object.entries<Sampled>(matrices)) {
    const merged = await mergedWeight(device, checkpoint, `${module}.weight`, shape);
    for (const [i, at] of index.entries()) expect(Math.abs(merged[at] - value[i])).toBeLessThan(2e-8);
  }
  expect(Object.keys(matrices)).toHaveLength(16);
  await checkpoint.close();
  await closeDevice(device);
});

const merge = (model: string, adapter: string, out: string) =>
  qvlHere(runMerge, '--model', model, '--adapter', adapter, '-o', out, '--device', 'simd', '--threads', '1');

test('a folder is written that is whole, in the types of its base, and scores as base and adapter do', async () => {
  const out = join(folder, 'merged');
  const { stderr } = await merge('golden/tiny', 'golden/tiny-lora/finetune', out);
  expect(Number(/at an NMSE of (\S+) from/.exec(stderr)?.[1])).toBeLessThan(1e-6);
  expect((await readdir(out)).sort()).toEqual([
    ...['config.json', 'generation_config.json', 'model-00001-of-00001.safetensors'],
    ...['model.safetensors.index.json', 'qwen.tiktoken'],
  ]);
  const [merged, base] = await Promise.all([openCheckpoint(out), openCheckpoint('golden/tiny')]);
  for (const [name, { dtype }] of merged.tensors) expect(dtype).toBe(base.tensors.get(name)!.dtype);
  const same = ['lm_head.weight', 'transformer.h.0.mlp.c_proj.weight'];
  for (const name of same) expect(await merged.load(name)).toEqual(await base.load(name));
  await Promise.all([merged.close(), base.close()]);
});

test('a base in 4 bits is unpacked, with its biases, in the type of its scales', async () => {
  const out = join(folder, 'unpacked');
  await merge('golden/tiny-int4', 'golden/tiny-lora/qlora', out);
  const merged = await openCheckpoint(out);
  expect(merged.notes).toEqual([]);
  expect(new Set([...merged.tensors.values()].map(({ dtype }) => dtype))).toEqual(new Set(['float16']));
  expect(merged.config.no_bias).toBe(false);
  const config = JSON.parse(await readFile(join(out, 'config.json'), 'utf8'));
  expect([config.no_bias, 'quantization_config' in config]).toEqual([false, false]);
  await merged.close();
});

test('nothing is left where it cannot be done, and what is there stays', async () => {
  const before = await readdir(folder);
  await writeFile(join(folder, 'taken'), 'mine');
  await expect(merge('golden/tiny', 'golden/tiny-lora/formats', join(folder, 'taken'))).rejects.toThrow(
    'it is there already; name another folder with -o',
  );
  await expect(merge('golden/tiny', 'golden/tiny-lora/qlora', join(folder, 'other'))).rejects.toThrow('use the model');
  await expect(qvlHere(runMerge, '--model', 'golden/tiny')).rejects.toThrow('--model, --adapter and -o are needed');
  expect((await readdir(folder)).sort()).toEqual([...before, 'taken'].sort());
  expect(await readFile(join(folder, 'taken'), 'utf8')).toBe('mine');
});
