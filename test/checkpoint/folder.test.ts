import { readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openCheckpoint } from '../../src/checkpoint/folder.ts';
import { PUBLISHED_GENERATION } from '../../src/checkpoint/generation.ts';
import { writeSafetensors } from '../../src/checkpoint/safetensors.ts';
import { survives } from './hostile.ts';
import { asTorch, folderOf, golden, index, prepareModelFolders, scratch, shards, weights } from './model-folder.ts';

prepareModelFolders();

const tiny = golden('tiny');

describe('the small checkpoint', () => {
  test('its shards, its configuration, its weights', async () => {
    const checkpoint = await openCheckpoint(tiny);
    expect(checkpoint.path).toBe(tiny);
    expect(checkpoint.config.visual.image_start_id).toBe(765);
    expect(checkpoint.generation).toEqual({
      chat_format: 'chatml',
      do_sample: false,
      top_p: 0.3,
      top_k: 0,
      eos_token_id: [551],
      min_new_tokens: 0,
      repetition_penalty: 1,
      temperature: 1,
      max_new_tokens: 128,
      max_window_size: 1536,
    });
    const parsed = JSON.parse(await readFile(join(tiny, 'pytorch_model.bin.index.json'), 'utf8'));
    expect([...checkpoint.tensors.keys()].sort()).toEqual(Object.keys(parsed.weight_map).sort());
    const bytes = [...checkpoint.tensors.values()].reduce((sum, tensor) => sum + tensor.bytes, 0);
    expect(bytes).toBe(parsed.metadata.total_size);
    await checkpoint.close();
  });

  test('the adapter positions are the table they should be', async () => {
    const checkpoint = await openCheckpoint(tiny);
    const table = await checkpoint.load('transformer.visual.attn_pool.pos_embed'); // [16, 256], bfloat16
    const value = (cell: number, k: number) => Math.sin((cell % 4) / 10000 ** (k / 64)); // first the column's sines
    for (let cell = 0; cell < 16; cell++) {
      for (let k = 0; k < 64; k++) expect(Math.abs(table[cell * 256 + k] - value(cell, k))).toBeLessThan(2 ** -8);
    }
    await checkpoint.close();
  });

  test('many readers at once get what one gets', async () => {
    const checkpoint = await openCheckpoint(tiny);
    const names = [...checkpoint.tensors.keys()];
    const together = await Promise.all([...names, ...names].map((name) => checkpoint.load(name)));
    for (const [i, name] of names.entries()) {
      const alone = await checkpoint.load(name);
      expect(Buffer.compare(Buffer.from(together[i].buffer), Buffer.from(alone.buffer))).toBe(0);
      expect(Buffer.compare(Buffer.from(together[i + names.length].buffer), Buffer.from(alone.buffer))).toBe(0);
    }
    await checkpoint.close();
  });

  test('after it is closed reading is an error, closing again is none', async () => {
    const checkpoint = await openCheckpoint(tiny);
    await checkpoint.close();
    await checkpoint.close();
    expect(await survives(() => checkpoint.load('lm_head.weight'))).toBe('refused');
  });

  test('an unknown name', async () => {
    const checkpoint = await openCheckpoint(tiny);
    await expect(checkpoint.load('__proto__')).rejects.toThrow('no tensor is called "__proto__"');
    await checkpoint.close();
  });
});

describe('all four ways to keep weights hold the same', () => {
  test.each<[string, () => Record<string, string | Uint8Array>]>([
    ['model.safetensors', () => ({ 'model.safetensors': writeSafetensors(weights) })],
    ['pytorch_model.bin', () => ({ 'pytorch_model.bin': asTorch(weights) })],
    [
      'model.safetensors.index.json',
      () => {
        const { weightMap, files } = shards('.safetensors', writeSafetensors);
        return { ...files, 'model.safetensors.index.json': index(weightMap) };
      },
    ],
    [
      'pytorch_model.bin.index.json',
      () => {
        const { weightMap, files } = shards('.bin', asTorch);
        return { ...files, 'pytorch_model.bin.index.json': index(weightMap) };
      },
    ],
  ])('%s', async (_, files) => {
    const checkpoint = await openCheckpoint(await folderOf(files()));
    expect(checkpoint.generation).toBe(PUBLISHED_GENERATION); // there is no generation_config.json
    for (const [name, { data }] of weights) {
      const loaded = await checkpoint.load(name);
      expect(Buffer.compare(Buffer.from(loaded.buffer), Buffer.from(data.buffer))).toBe(0);
    }
    await checkpoint.close();
  });
});

test.skipIf(process.platform === 'win32')('shards may be links, as in a download cache', async () => {
  const folder = await folderOf({});
  await writeFile(join(scratch, 'blob'), writeSafetensors(weights));
  await symlink(join(scratch, 'blob'), join(folder, 'model.safetensors'));
  const checkpoint = await openCheckpoint(folder);
  expect(checkpoint.tensors.size).toBe(49);
  await checkpoint.close();
});
