import { execFileSync } from 'node:child_process';
import { link, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { openCheckpoint } from '../../src/checkpoint/folder.ts';
import { writeSafetensors } from '../../src/checkpoint/safetensors.ts';
import type { HostTensor } from '../../src/checkpoint/stored-tensor.ts';
import { readVocabularyFile } from '../../src/checkpoint/vocabulary-file.ts';
import { survives } from './hostile.ts';
import { asTorch, folderOf, golden, index, prepareModelFolders, scratch, shards, weights } from './model-folder.ts';
import { zip } from './torch-writer.ts';

prepareModelFolders();

async function messageFor(work: () => Promise<unknown>): Promise<string> {
  expect(await survives(work)).toBe('refused');
  return work().then(
    () => 'done',
    (error: Error) => error.message,
  );
}
const refused = (path: string) => messageFor(() => openCheckpoint(path));
const utf8 = (text: string) => new TextEncoder().encode(text);

describe('buffers that the original saved and Hugging Face passes over', () => {
  const one: HostTensor = { dtype: 'float32', shape: [1], data: Float32Array.of(-10_000) };
  const truth: HostTensor = { dtype: 'bool', shape: [1, 1, 2, 2], data: Uint8Array.of(1, 0, 1, 1) };
  const names = [
    'transformer.rotary_emb.inv_freq',
    'transformer.logn_tensor',
    ...['rotary_emb.inv_freq', 'bias', 'masked_bias', 'logn_tensor'].map((name) => `transformer.h.1.attn.${name}`),
  ];
  const buffers = new Map<string, HostTensor>(names.map((name) => [name, name.endsWith('.bias') ? truth : one]));

  test.each([
    ['model.safetensors', writeSafetensors],
    ['pytorch_model.bin', asTorch],
  ])('in %s', async (file, write) => {
    const folder = await folderOf({ [file]: write(new Map([...weights, ...buffers])) });
    const checkpoint = await openCheckpoint(folder);
    expect([...checkpoint.tensors.keys()].sort()).toEqual([...weights.keys()].sort());
    await checkpoint.close();
  });

  test('in a shard, listed by the index or not, and listed but not there', async () => {
    const { weightMap, files } = shards('.safetensors', writeSafetensors);
    files['model-1.safetensors'] = writeSafetensors(new Map([...[...weights].slice(20), ...buffers]));
    const listed = { [names[0]]: 'model-1.safetensors', [names[2]]: 'model-0.safetensors' };
    const folder = await folderOf({ ...files, 'model.safetensors.index.json': index({ ...weightMap, ...listed }) });
    const checkpoint = await openCheckpoint(folder);
    expect(checkpoint.tensors.size).toBe(weights.size);
    await checkpoint.close();
  });

  test.each([
    'transformer.h.0.attn.biases',
    'transformer.h.0.mlp.bias',
    'transformer.visual.attn.masked_bias',
    'x.transformer.rotary_emb.inv_freq',
    'lm_head.bias',
  ])('another name is refused: %s', async (name) => {
    const folder = await folderOf({ 'model.safetensors': writeSafetensors(new Map([...weights, [name, one]])) });
    expect(await refused(folder)).toContain(`1 unknown ("${name}")`);
  });
});

describe('a type that nobody reads', () => {
  const withType = (name: string, code: string) => {
    const file = writeSafetensors(
      new Map([...weights, [name, { dtype: 'uint8', shape: [3], data: new Uint8Array(3) }]]),
    );
    return Buffer.from(Buffer.from(file).toString('latin1').replace('"U8"', `"${code}"`), 'latin1');
  };
  test('does not matter where nobody wants the tensor', async () => {
    const checkpoint = await openCheckpoint(
      await folderOf({ 'model.safetensors': withType('transformer.h.0.attn.bias', 'F4') }),
    );
    await checkpoint.close();
  });
  test('is named where somebody does', async () => {
    expect(await refused(await folderOf({ 'model.safetensors': withType('lm_head.weight', 'F4') }))).toContain(
      'lm_head.weight is of the dtype "F4"',
    );
  });
});

describe('what a folder holds in place of a model', () => {
  const sound = () => ({ 'model.safetensors': writeSafetensors(weights) });
  const config = async (more: object) => {
    const json = JSON.parse(await readFile(golden('quirks/model-e.config.json'), 'utf8'));
    return JSON.stringify({ ...json, ...more });
  };

  test('a LoRA adapter, alone or beside its model', async () => {
    const alone = join(scratch, 'lora');
    await mkdir(alone);
    await writeFile(join(alone, 'adapter_config.json'), '{"peft_type": "LORA"}');
    expect(await refused(alone)).toContain('it holds a LoRA adapter, not a model; give it with --adapter');
    const beside = await folderOf({ ...sound(), 'adapter_model.safetensors': '' });
    expect(await refused(beside)).toContain("a LoRA adapter beside its model; move the adapter's files");
  });

  test.each<[string, object, string]>([
    ['AWQ', { quantization_config: { quant_method: 'awq' } }, '"awq"'],
    ['bitsandbytes of old', { quantization_config: { load_in_4bit: true } }, 'bitsandbytes'],
    ['unknown', { quantization_config: {} }, 'as its quantization_config says'],
    ['no object', { quantization_config: 4 }, 'quantization_config is 4'],
  ])('quantised weights: %s', async (_, more, method) => {
    const folder = await folderOf({ ...sound(), 'config.json': await config(more) });
    expect(await refused(folder)).toContain(`its weights are quantised (${method}`);
  });

  test('what a quantiser leaves beside the weights, or in their names', async () => {
    expect(await refused(await folderOf({ ...sound(), 'quant_config.json': '{}' }))).toContain('quantised (AWQ)');
    const ofGptq = await folderOf({ ...sound(), 'quantize_config.json': '{"bits": 4, "group_size": 128}' });
    expect(await refused(ofGptq)).toContain('says that its weights are quantised, and none of them is');
    for (const [name, says] of [
      ['transformer.h.0.attn.c_attn.qweight', 'GPTQ or AWQ quantised'],
      ['transformer.h.0.attn.c_attn.weight.absmax', 'bitsandbytes quantised'],
      ['transformer.h.0.attn.c_attn.lora_A.weight', 'LoRA'],
      ['module.lm_head.weight', 'wrapper'],
    ]) {
      const extra: [string, HostTensor] = [name, { dtype: 'int32', shape: [1], data: Int32Array.of(1) }];
      const file = writeSafetensors(new Map([...weights, extra]));
      expect(await refused(await folderOf({ 'model.safetensors': file }))).toContain(says);
    }
  });

  test('null is "not set"', async () => {
    const text = await config({ quantization_config: null, rotary_pct: null, tie_word_embeddings: null });
    const checkpoint = await openCheckpoint(await folderOf({ ...sound(), 'config.json': text }));
    await checkpoint.close();
  });

  test.each([
    ['qwen-vl.Q4_K_M.gguf', 'converted for llama.cpp ("qwen-vl.Q4_K_M.gguf")'],
    ['tf_model.h5', 'of TensorFlow'],
    ['flax_model.msgpack', 'of Flax'],
    ['model.safetensors.part', 'not downloaded to the end'],
    ['consolidated.00.pth', 'under other names'],
  ])('weights that are not read here: %s', async (file, says) => {
    expect(await refused(await folderOf({ [file]: '' }))).toContain(`; what is there is ${says}`);
  });

  test('a file in place of the folder', async () => {
    const file = join(scratch, 'model.gguf');
    await writeFile(file, 'GGUF\x03\0\0\0');
    expect(await refused(file)).toContain('it is a file, expected a folder (a GGUF file of llama.cpp)');
  });
});

describe('a file that is not what its name says', () => {
  const html = utf8('\n<!-- 404 -->\n<!DOCTYPE html>\n<html>');
  const kinds: [string, Uint8Array, string][] = [
    ['a Git LFS pointer', utf8('version https://git-lfs.github.com/spec/v1\noid sha256:0\n'), 'git lfs pull'],
    ['an HTML page', html, 'download the file itself'],
    ['a GGUF file', utf8('GGUF\x03\0\0\0'), 'use the original checkpoint'],
    ['compressed with gzip', gzipSync('weights'), 'unpack it'],
    ['a tar archive', Uint8Array.from([...new Uint8Array(257).fill(0x61), ...utf8('ustar\x0000')]), 'unpack it'],
    ['a bare pickle', Uint8Array.of(0x80, 4, 0x95, 0, 0, 0, 0, 0, 0, 0, 0, 0x2e), 'torch.save'],
    ['an HDF5 file', Uint8Array.of(0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a), 'weights of PyTorch'],
    ['a text of JSON', utf8('{"error": "Repository not found"}'), 'download the file itself'],
    ['full of zeros', new Uint8Array(1000), 'download it again'],
  ];
  test.each(kinds)('%s in place of weights', async (kind, bytes, remedy) => {
    for (const file of ['model.safetensors', 'pytorch_model.bin']) {
      const message = await refused(await folderOf({ [file]: bytes }));
      expect(message).toContain(`it is ${kind}`);
      expect(message).toContain(remedy);
    }
  });

  test('safetensors that are called .bin, torch archives that are called .safetensors', async () => {
    const safetensors = await refused(await folderOf({ 'pytorch_model.bin': writeSafetensors(weights) }));
    expect(safetensors).toContain('it is a safetensors file, expected a zip archive; give it a name that ends in');
    const archive = await refused(await folderOf({ 'model.safetensors': asTorch(weights) }));
    expect(archive).toContain('it is a zip archive, expected a safetensors file; name it .bin if torch.save made it');
    const other = zip([['model/config.json', utf8('{}')]]);
    expect(await refused(await folderOf({ 'pytorch_model.bin': other }))).toContain('a zip archive without data.pkl');
  });

  test('config.json and qwen.tiktoken', async () => {
    expect(await refused(await folderOf({ 'config.json': html }))).toContain('it is not JSON but an HTML page');
    const utf16 = Uint8Array.of(0xff, 0xfe, 0x7b, 0, 0x7d, 0);
    expect(await refused(await folderOf({ 'config.json': utf16 }))).toContain('it is not JSON but a text in UTF-16');
    const folder = await folderOf({ html, utf16, empty: '' });
    const vocabulary = (name: string) => messageFor(() => readVocabularyFile(join(folder, name)));
    expect(await vocabulary('html')).toContain('it is an HTML page');
    expect(await vocabulary('utf16')).toContain('it is a text in UTF-16');
    expect(await vocabulary('empty')).toContain('it is empty, expected a vocabulary');
    expect(await vocabulary('nothing')).toContain('there is no such file');
  });
});

describe.skipIf(process.platform === 'win32')('many names, one file; pipes and devices', () => {
  test('two shards that are one file, by a link of either kind', async () => {
    for (const make of [symlink, link]) {
      const { weightMap, files } = shards('.safetensors', writeSafetensors);
      const listed = Object.fromEntries(Array.from({ length: 900 }, (_, i) => [`x${i}`, `copy-${i}.safetensors`]));
      const indexed = { ...files, 'model.safetensors.index.json': index({ ...weightMap, ...listed }) };
      const folder = await folderOf(indexed);
      for (const file of Object.values(listed)) await make(join(folder, 'model-0.safetensors'), join(folder, file));
      expect(await refused(folder)).toContain('"model-0.safetensors" and "copy-0.safetensors" are one file');
    }
  });

  test('the tables of all shards have a limit', async () => {
    const metadata = { padding: ' '.repeat(4e6) };
    const { weightMap } = shards('.safetensors', writeSafetensors);
    const names = Object.keys(weightMap).slice(0, 10);
    const files = Object.fromEntries(
      names.map((name, i) => [`s${i}.safetensors`, writeSafetensors(new Map([[name, weights.get(name)!]]), metadata)]),
    );
    const map = Object.fromEntries(names.map((name, i) => [name, `s${i}.safetensors`]));
    expect(await refused(await folderOf({ ...files, 'model.safetensors.index.json': index(map) }))).toContain(
      'the tables of its shards have more than',
    );
  });

  test('a pipe or a device in place of any file is refused at once', async () => {
    for (const name of ['config.json', 'generation_config.json', 'model.safetensors', 'pytorch_model.bin.index.json']) {
      const folder = await folderOf({});
      execFileSync('rm', ['-f', join(folder, name)]);
      execFileSync('mkfifo', [join(folder, name)]);
      expect(await refused(folder)).toContain(`${name}: it is no regular file`);
    }
    const folder = await folderOf({});
    await symlink('/dev/zero', join(folder, 'qwen.tiktoken'));
    expect(await messageFor(() => readVocabularyFile(join(folder, 'qwen.tiktoken')))).toContain('no regular file');
  });
});
