import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { memorySource } from '../../src/checkpoint/byte-source.ts';
import { openCheckpoint } from '../../src/checkpoint/folder.ts';
import { adapted, openAdapted, openLora } from '../../src/checkpoint/lora.ts';
import { parseLoraConfig } from '../../src/checkpoint/lora-config.ts';
import { openSafetensors, writeSafetensors } from '../../src/checkpoint/safetensors.ts';
import { type HostTensor, readFloat32 } from '../../src/checkpoint/stored-tensor.ts';
import { survives } from './hostile.ts';

const FORMATS = 'golden/tiny-lora/formats';

let scratch: string;
let config: Readonly<Record<string, unknown>>;
let tensors: ReadonlyMap<string, HostTensor>;
beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'lora-'));
  config = JSON.parse(await readFile(`${FORMATS}/adapter_config.json`, 'utf8'));
  const file = await readFile(`${FORMATS}/adapter_model.safetensors`);
  const held = new Map<string, HostTensor>();
  for (const [name, { dtype, shape, read }] of (await openSafetensors(memorySource(file, 'adapter'))).tensors) {
    held.set(name, { dtype: dtype!, shape, data: await read() });
  }
  tensors = held;
});
afterAll(() => rm(scratch, { recursive: true, force: true }));

interface Changes {
  readonly said?: object;
  readonly rename?: (name: string) => string | undefined;
  readonly add?: Readonly<Record<string, HostTensor>>;
}

let folders = 0;
/** The small adapter, changed. */
async function loraFolder({ said, rename = (name) => name, add = {} }: Changes): Promise<string> {
  const folder = join(scratch, `adapter-${folders++}`);
  await mkdir(folder);
  await writeFile(join(folder, 'adapter_config.json'), JSON.stringify({ ...config, ...said }));
  const renamed = [...tensors].flatMap(([name, tensor]): [string, HostTensor][] => {
    const other = rename(name);
    return other === undefined ? [] : [[other, tensor]];
  });
  const file = writeSafetensors(new Map([...renamed, ...Object.entries(add)]));
  await writeFile(join(folder, 'adapter_model.safetensors'), file);
  return folder;
}

const zeros = (...shape: number[]): HostTensor => ({
  ...{ dtype: 'float32', shape },
  data: new Float32Array(shape.reduce((a, b) => a * b, 1)),
});

async function refused(folder: string, model = 'golden/tiny'): Promise<string> {
  const open = () => openAdapted(model, folder);
  expect(await survives(open)).toBe('refused');
  return open().then(
    () => 'done',
    (error: Error) => error.message,
  );
}

/** All factors of an adapter, by name. */
async function factorsOf(folder: string): Promise<ReadonlyMap<string, Float32Array>> {
  const checkpoint = await openAdapted('golden/tiny', folder);
  const names = [...checkpoint.lora!.keys()];
  const values = await Promise.all(names.map((name) => checkpoint.load(name)));
  await checkpoint.close();
  return new Map(names.map((name, i) => [name, values[i]]));
}

const FIRST = 'base_model.model.transformer.h.0.attn.c_attn.lora_A.weight';

test('a .bin and a .safetensors give the same factors, and so do all ways in which PEFT has named them', async () => {
  const expected = await factorsOf(FORMATS);
  expect(expected.size).toBe(8);
  const torch = join(scratch, 'torch');
  await mkdir(torch);
  for (const file of ['adapter_config.json', 'adapter_model.bin']) {
    await symlink(resolve(FORMATS, file), join(torch, file));
  }
  expect(await factorsOf(torch)).toEqual(expected);
  for (const rename of [
    (name: string) => name.replace('base_model.model.', ''),
    (name: string) => name.replace('.weight', '.default.weight'),
    (name: string) => name.replace('base_model.model.', '').replace('.weight', '.mine.weight'),
  ]) {
    expect(await factorsOf(await loraFolder({ rename }))).toEqual(expected);
  }
});

test('B has the scale in it: alpha over r', async () => {
  const found = await factorsOf(FORMATS);
  const lora = await openLora(FORMATS);
  const { A, B, scale } = lora.changes.get('transformer.h.2.attn.c_attn')!;
  expect(scale).toBe(8);
  expect(found.get('transformer.h.2.attn.c_attn.lora_A.weight')).toEqual(await readFloat32(A));
  expect(found.get('transformer.h.2.attn.c_attn.lora_B.weight')).toEqual(
    (await readFloat32(B)).map((value) => 8 * value),
  );
  await lora.close();
});

test('scales: patterns of ranks and alphas, and the root of rslora', () => {
  const scale = (said: object, module: string) =>
    parseLoraConfig({ ...config, r: 4, lora_alpha: 8, ...said }, 'c').scaleOf(module);
  const module = 'transformer.h.11.mlp.w1';
  expect(scale({}, module)).toBe(2);
  expect(scale({ use_rslora: true }, module)).toBe(4);
  expect(scale({ rank_pattern: { 'h.1.mlp.w1': 2, w1: 16 } }, module)).toBe(0.5);
  expect(scale({ rank_pattern: { 1: 2, lp: 2, 'mlp.w': 2 } }, module)).toBe(2); // behind a dot, to the end
  expect(scale({ alpha_pattern: { '.*h\\.1\\d\\.(mlp|attn).w[12]': 12 } }, module)).toBe(3);
  expect(scale({ alpha_pattern: { '^transformer.h.11.mlp.w1$': 12 }, rank_pattern: { w1: 3 } }, module)).toBe(4);
});

test('it says what it changes, what its configuration promises, and where it comes from', async () => {
  const notes = async (said: object, model = 'golden/tiny') => {
    const checkpoint = await openAdapted(model, await loraFolder({ said }));
    await checkpoint.close();
    return checkpoint.notes.filter((line) => line.includes('adapter')).slice(1);
  };
  const plain = await openAdapted('golden/tiny', FORMATS);
  await plain.close();
  expect(plain.notes).toEqual([`adapter ${FORMATS}: changes 4 layers (rank 2, scale 8)`]);
  expect(await notes({ modules_to_save: ['wte', 'lm_head'] })).toEqual([
    expect.stringContaining('promises "wte", "lm_head" as a whole, and its file lacks them'),
  ]);
  expect(await notes({ target_modules: ['c_attn', 'w1'] })).toEqual([
    expect.stringContaining('names "w1", and its file has no such layer'),
  ]);
  expect(await notes({ base_model_name_or_path: '/etc/Qwen-VL-Chat-Int4\u202e' })).toEqual([
    'the adapter was trained on "/etc/Qwen-VL-Chat-Int4\\u202e", the model here is not in 4 bits: answers differ slightly',
  ]);
  expect(await notes({ fan_in_fan_out: true })).toEqual([
    expect.stringContaining('fan_in_fan_out, which has no effect'),
  ]);
  const modern = await openAdapted('golden/tiny', 'golden/tiny-lora/modern');
  await modern.close();
  expect(modern.notes).toEqual([
    'adapter golden/tiny-lora/modern: changes 28 layers (rank 2, 4, 6, scale 4, 5.66, 3.27, 1), replaces transformer.wte.weight, lm_head.weight',
  ]);
});

test('a tensor that training changed as a whole takes the place of the base’s', async () => {
  const bias = { dtype: 'float32' as const, shape: [768], data: new Float32Array(768).fill(3) };
  for (const name of [
    'base_model.model.transformer.h.0.attn.c_attn.bias',
    'base_model.model.transformer.h.0.attn.c_attn.base_layer.bias',
    'transformer.h.0.attn.c_attn.modules_to_save.default.bias',
  ]) {
    const checkpoint = await openAdapted('golden/tiny', await loraFolder({ add: { [name]: bias } }));
    expect(await checkpoint.load('transformer.h.0.attn.c_attn.bias')).toEqual(bias.data);
    await checkpoint.close();
  }
});

describe('refused by name', () => {
  test.each<[object, string]>([
    [{ peft_type: 'IA3' }, 'peft_type is "IA3", expected "LORA"'],
    [{ use_dora: true }, 'use_dora is true, which is not done here'],
    [{ use_qalora: true }, 'use_qalora is true'],
    [{ layer_replication: [[0, 4]] }, 'layer_replication is a list'],
    [{ trainable_token_indices: [5] }, 'trainable_token_indices is a list'],
    [{ init_lora_weights: 'pissa_niter_4' }, 'init_lora_weights is "pissa_niter_4", which changes the base too'],
    [{ r: undefined }, 'r missing'],
    [{ r: 4 }, '"transformer.h.0.attn.c_attn": its rank is 2, adapter_config.json says 4'],
    [{ lora_alpha: 'x' }, 'lora_alpha is "x"'],
    [{ rank_pattern: { '(a+)+$': 2 } }, 'rank_pattern has the pattern "(a+)+$", which is not evaluated'],
    [{ alpha_pattern: { w1: -1 } }, 'alpha_pattern has -1 for "w1"'],
    [{ alpha_pattern: [1] }, 'alpha_pattern is a list'],
  ])('%j', async (said, says) => {
    expect(await refused(await loraFolder({ said }))).toContain(says);
  });

  test.each<[string, Changes, string]>([
    [
      'half a pair',
      { rename: (name) => (name === FIRST ? undefined : name) },
      '"transformer.h.0.attn.c_attn": lora_A is missing',
    ],
    [
      'two adapters in one file',
      { rename: (name) => name.replace('.weight', `.${/h\.[01]/.test(name) ? 'one' : 'two'}.weight`) },
      'it holds several adapters ("one", "two")',
    ],
    [
      'one factor under two names',
      { add: { [FIRST.replace('base_model.model.', '')]: zeros(2, 256) } },
      'is there under two names',
    ],
    [
      'DoRA',
      { add: { 'base_model.model.transformer.h.0.attn.c_attn.lora_magnitude_vector': zeros(768) } },
      'is DoRA, which is not done here',
    ],
    [
      'an embedding',
      { add: { 'base_model.model.transformer.wte.lora_embedding_A': zeros(2, 768) } },
      'is a LoRA of an embedding',
    ],
    [
      'another model',
      { rename: (name) => name.replace('transformer.h', 'model.layers') },
      '"model.layers.0.attn.c_attn" is not in the model',
    ],
    [
      'another width',
      { add: { [FIRST]: zeros(2, 512) } },
      'changes [768, 512], its weight is [768, 256]; use the model that',
    ],
    [
      'what is never called',
      { rename: (name) => name.replace('h.0.attn.c_attn', 'visual.attn_pool.attn.out_proj') },
      '"transformer.visual.attn_pool.attn.out_proj" cannot have a LoRA',
    ],
    [
      'another vocabulary',
      { add: { 'base_model.model.lm_head.weight': zeros(760, 256) } },
      '"lm_head.weight" is [760, 256], the model\'s [768, 256]',
    ],
    [
      'a tensor of nobody',
      { add: { 'base_model.model.score.weight': zeros(2, 256) } },
      '"score.weight" is not in the model',
    ],
    ['a convolution', { add: { [FIRST]: zeros(2, 256, 1, 1) } }, 'it is no linear layer'],
  ])('%s', async (_, changes, says) => {
    const message = await refused(await loraFolder(changes));
    expect(message).toContain(says);
    expect(message).not.toContain('\n');
  });

  test('folders that hold no adapter', async () => {
    const folder = join(scratch, 'training');
    await mkdir(join(folder, 'checkpoint-40'), { recursive: true });
    expect(await refused(folder)).toContain('is missing; name one of "checkpoint-40" in it');
    await writeFile(join(folder, 'adapter_model.bin'), 'x');
    expect(await refused(folder)).toContain('adapter_config.json is missing');
    expect(await refused(join(scratch, 'nothing'))).toContain('there is no such file');
    expect(await refused('golden/tiny-lora/qlora')).toContain('changes [768, 256], its weight is [688, 256]');
  });
});

test('an adapter that cannot be put on leaves nothing open', async () => {
  const checkpoint = await openCheckpoint('golden/tiny');
  await expect(adapted(checkpoint, 'golden/tiny-lora/qlora')).rejects.toThrow();
  await expect(checkpoint.load('lm_head.weight')).rejects.toThrow();
});
