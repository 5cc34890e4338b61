import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { CheckpointError } from '../../src/error.ts';
import { findGoldens } from '../../src/verify/open.ts';

const ALL = ['model-a', 'model-b', 'model-e'];

describe('goldens are found by', () => {
  test.each([
    ['their folder', 'golden/quirks', ALL],
    ['the checkpoint', 'golden/tiny', ['describe', 'locate-zh', 'two-pictures']],
    ['the folder within the checkpoint', 'golden/tiny/activations/', ['describe', 'locate-zh', 'two-pictures']],
    ['a name', 'golden/quirks/model-a', ['model-a']],
    ['a configuration', 'golden/quirks/model-a.config.json', ['model-a']],
    ['weights', 'golden/quirks/model-b.weights.safetensors', ['model-b']],
    ['activations', 'golden/quirks/model-b.activations.safetensors', ['model-b']],
    ['their float64 twin', 'golden/tiny/activations/describe.f64.safetensors', ['describe']],
  ])('%s', async (_, path, names) => {
    const found = await findGoldens(path);
    expect(found.map(({ name }) => name)).toEqual(names);
    expect(new Set(found.map(({ kind }) => kind))).toEqual(new Set([path.includes('quirks') ? 'random' : 'trained']));
  });
});

test('a golden says where it comes from', async () => {
  const [found] = await findGoldens('golden/tiny/activations/describe');
  const { golden, text, close } = await found.open();
  await close();
  expect(golden.provenance).toMatchObject({ torch: '1.13.0a0', pillow: '9.4.0', file: 'describe.safetensors' });
  expect(golden.provenance.sha256).toMatch(/^[0-9a-f]{64}$/);
  expect(golden.provenance['sha256 of float64']).toMatch(/^[0-9a-f]{64}$/);
  expect(text?.(golden.inputs.ids[0])).toBe('<|im_start|>');
});

test('fingerprints beside a golden that is kept whole are left from an earlier run', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'qvl-open-'));
  for (const part of ['config.json', 'weights.safetensors', 'activations.safetensors'])
    await symlink(resolve(`golden/quirks/model-e.${part}`), join(folder, `model-e.${part}`));
  await writeFile(join(folder, 'model-e.fingerprints.json'), 'not even JSON');
  const [found] = await findGoldens(folder);
  const { golden, close } = await found.open();
  await close();
  await rm(folder, { recursive: true });
  expect(golden.taps.get('logits')?.values).toBeDefined();
});

test.each([
  'nowhere',
  'nowhere/at/all',
  'src',
  'golden/quirks/model-z',
  'golden/preprocess',
])('there is none in %s', async (path) => {
  await expect(findGoldens(path)).rejects.toThrow(CheckpointError);
});
