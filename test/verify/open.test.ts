import { execFileSync } from 'node:child_process';
import { cp, mkdtemp, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { writeSafetensors } from '../../src/checkpoint/safetensors.ts';
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

test.each([
  'golden/tiny-lora',
  'golden/tiny-lora/activations/',
])('of whose model %s says nothing is asked for', async (path) => {
  await expect(findGoldens(path)).rejects.toThrow(
    /activations\/finetune".* do not say of which model they are; .*--model/,
  );
});

describe.skipIf(process.platform === 'win32')('whatever has a golden’s name', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'goldens-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  /** A copy of a small golden in which one file is something else. */
  async function refused(file: string, make: (path: string) => unknown): Promise<string> {
    const copy = await mkdtemp(join(folder, 'copy-'));
    for (const end of ['config.json', 'weights.safetensors', 'activations.safetensors', 'activations.f64.safetensors'])
      await symlink(join(process.cwd(), `golden/quirks/model-e.${end}`), join(copy, `model-e.${end}`));
    if (file.endsWith('.fingerprints.json')) {
      await rm(join(copy, 'model-e.activations.safetensors')); // which is a link
      await writeFile(join(copy, 'model-e.activations.safetensors'), inputsAlone);
    }
    await rm(join(copy, file), { force: true });
    await make(join(copy, file));
    const [found] = await findGoldens(join(copy, 'model-e'));
    const error = await found.open().then(
      () => new Error('opened'),
      (error: Error) => error,
    );
    expect(error).toBeInstanceOf(CheckpointError);
    return error.message;
  }
  /** What the exporter keeps beside fingerprints. */
  const inputsAlone = writeSafetensors(
    new Map([
      ['input.ids', { dtype: 'int64', shape: [1, 1], data: BigInt64Array.of(1n) }],
      ['input.pixels', { dtype: 'float32', shape: [0, 3, 56, 56], data: new Float32Array(0) }],
    ]),
  );
  const pipe = (path: string) => execFileSync('mkfifo', [path]);

  test.each([
    'model-e.activations.safetensors',
    'model-e.activations.f64.safetensors',
    'model-e.weights.safetensors',
    'model-e.config.json',
    'model-e.fingerprints.json',
  ])('a pipe in place of %s is refused at once', async (file) => {
    expect(await refused(file, pipe)).toContain(`${file}: it is no regular file`);
  });

  test('a device without an end, a link to itself, a large file of zeros', async () => {
    const file = 'model-e.activations.safetensors';
    expect(await refused(file, (path) => symlink('/dev/zero', path))).toContain('it is no regular file');
    expect(await refused(file, (path) => symlink(path, path))).toContain('cannot be read (ELOOP)');
    const sparse = async (path: string) => {
      await writeFile(path, '');
      await truncate(path, 2 ** 40);
    };
    expect(await refused(file, sparse)).toContain('it is full of zeros');
    expect(await refused('model-e.fingerprints.json', sparse)).toContain('expected at most');
  });

  test('a vocabulary that cannot be read is no vocabulary that is missing', async () => {
    const model = join(folder, 'tiny');
    await cp('golden/tiny', model, { recursive: true, filter: (path) => !/pictures|two-pictures|locate/.test(path) });
    const vocabulary = join(model, 'qwen.tiktoken');
    const opened = async () => {
      const [found] = await findGoldens(model);
      const { text, close } = await found.open();
      await close();
      return text;
    };
    await rm(vocabulary);
    expect(await opened()).toBeUndefined();
    await symlink(vocabulary, vocabulary);
    await expect(opened()).rejects.toThrow(/qwen\.tiktoken: cannot be read \(ELOOP\)/);
    await rm(vocabulary);
    pipe(vocabulary);
    await expect(opened()).rejects.toThrow(/qwen\.tiktoken: it is no regular file/);
  });
});
