import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openCheckpoint } from '../../src/checkpoint/folder.ts';
import { writeSafetensors } from '../../src/checkpoint/safetensors.ts';
import type { HostTensor } from '../../src/checkpoint/stored-tensor.ts';
import { survives } from './hostile.ts';
import { asTorch, folderOf, golden, index, prepareModelFolders, scratch, shards, weights } from './model-folder.ts';

prepareModelFolders();

const tiny = golden('tiny');

describe('what cannot be opened is said in one line', () => {
  async function messageFor(path: string): Promise<string> {
    expect(await survives(() => openCheckpoint(path))).toBe('refused');
    const error: Error = await openCheckpoint(path).then(
      () => new Error('opened'),
      (error) => error,
    );
    return error.message;
  }
  const withWeights = async (change: (tensors: Map<string, HostTensor>) => void) => {
    const tensors = new Map(weights);
    change(tensors);
    return messageFor(await folderOf({ 'model.safetensors': writeSafetensors(tensors) }));
  };

  test('missing, unknown and misshapen tensors together, the first few by name', async () => {
    const message = await withWeights((tensors) => {
      for (const name of [...tensors.keys()].filter((name) => name.includes('resblocks'))) tensors.delete(name);
      tensors.set('extra', { dtype: 'float32', shape: [1], data: Float32Array.of(1) });
      tensors.set('lm_head.weight', { dtype: 'float32', shape: [2, 3], data: new Float32Array(6) });
      tensors.set('transformer.ln_f.weight', { dtype: 'int32', shape: [128], data: new Int32Array(128) });
    });
    expect(message).toMatch(/: 12 of 49 tensors missing \(("transformer\.\S+", ){4}"transformer\.\S+" and 7 more\); /);
    expect(message).toContain('1 unknown ("extra"); 2 of another kind (transformer.ln_f.weight is int32, ');
    expect(message).toContain('lm_head.weight is [2, 3], expected [120, 128])');
  });

  test('no folder, no config, no weights, no JSON', async () => {
    expect(await messageFor(join(scratch, 'nowhere'))).toContain('there is no such file');
    expect(await messageFor(join(tiny, 'config.json'))).toContain('it is a file, expected a folder');
    expect(await messageFor(golden('quirks'))).toMatch(/config\.json: there is no such file/);
    expect(await messageFor(await folderOf({}))).toContain('no weights, expected model.safetensors or');
    expect(await messageFor(await folderOf({ 'config.json': '{' }))).toContain('config.json: it is not JSON');
    expect(await messageFor(await folderOf({ 'config.json': '7' }))).toContain(
      'config.json: found 7, expected an object',
    );
    expect(
      await messageFor(await folderOf({ 'generation_config.json': '{"top_p": 2, "chat_format": "x"}' })),
    ).toContain(
      'generation_config.json: chat_format is "x", expected "chatml" or "raw"; top_p is 2, expected a number from 0 to 1',
    );
    expect(await messageFor(await folderOf({ 'config.json': ' '.repeat(5e6) }))).toContain(
      '5000000 bytes, expected at most',
    );
  });

  test('a folder, a Git LFS pointer or a cut off file in place of weights', async () => {
    const folder = await folderOf({});
    await mkdir(join(folder, 'model.safetensors'));
    expect(await messageFor(folder)).toContain('it is no regular file');
    const pointer = 'version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n';
    expect(await messageFor(await folderOf({ 'pytorch_model.bin': pointer }))).toContain('it is a Git LFS pointer');
    const cut = writeSafetensors(weights).subarray(0, -100);
    expect(await messageFor(await folderOf({ 'model.safetensors': cut }))).toMatch(/\d+ bytes of data, expected \d+/);
    const archive = asTorch(weights).subarray(0, 9999);
    expect(await messageFor(await folderOf({ 'pytorch_model.bin': archive }))).toContain('no complete zip archive');
  });

  test.each([
    '../config.json',
    '/etc/passwd',
    'sub/model.safetensors',
    'sub\\model.safetensors',
    '..',
    '',
    '.hidden.safetensors',
    'C:model.safetensors',
    'model.bin',
    'a\u0000.safetensors',
    7,
    null,
  ])('an index may not name the file %j', async (file) => {
    const folder = await folderOf({ 'model.safetensors.index.json': index({ 'lm_head.weight': file }) });
    expect(await messageFor(folder)).toContain('expected the plain name of a .safetensors file');
  });

  test('an index without a map, one that is wrong, one whose shard is missing', async () => {
    const indexed = async (content: string, files = {}) =>
      messageFor(await folderOf({ ...files, 'model.safetensors.index.json': content }));
    expect(await indexed('{}')).toContain('weight_map is nothing, expected an object');
    const { weightMap, files } = shards('.safetensors', writeSafetensors);
    const { 'lm_head.weight': _, ...fewer } = weightMap;
    expect(await indexed(index(fewer), files)).toContain('does not list 1 that are in a shard ("lm_head.weight")');
    const wrong = { ...weightMap, ghost: 'model-0.safetensors' };
    expect(await indexed(index(wrong), files)).toContain('1 tensors are not in the shard it names ("ghost")');
    const swapped = { ...weightMap, 'lm_head.weight': 'model-0.safetensors' };
    expect(await indexed(index(swapped), files)).toContain('1 tensors are not in the shard');
    expect(await indexed(index({ ...weightMap, 'lm_head.weight': 'gone.safetensors' }), files)).toMatch(
      /gone\.safetensors: there is no such file/,
    );
    const many = Object.fromEntries(Array.from({ length: 1001 }, (_, i) => [`${i}`, `${i}.safetensors`]));
    expect(await indexed(index(many))).toContain('1001 shards, expected at most 1000');
  });

  test('a file that becomes shorter while it is open', async () => {
    const folder = await folderOf({ 'model.safetensors': writeSafetensors(weights) });
    const checkpoint = await openCheckpoint(folder);
    await writeFile(join(folder, 'model.safetensors'), 'short');
    await expect(checkpoint.load('lm_head.weight')).rejects.toThrow('it became shorter while it was read');
    await checkpoint.close();
  });
});
