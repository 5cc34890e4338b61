import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openFile } from '../../src/checkpoint/file-source.ts';
import { openCheckpoint } from '../../src/checkpoint/folder.ts';
import { type Packed, unpackLayer } from '../../src/checkpoint/gptq.ts';
import { openSafetensors } from '../../src/checkpoint/safetensors.ts';
import { readFloat32, readFloat64 } from '../../src/checkpoint/stored-tensor.ts';
import { int4Folder, prepareInt4Folders, refused } from './int4-folder.ts';

prepareInt4Folders();

interface Sampled {
  shape: number[];
  absmax: number;
  index: number[];
  value: number[];
}

test('single matrices of seven kinds are unpacked exactly, with their groups, zeros and order', async () => {
  const file = await openFile('golden/tiny-int4/matrices.safetensors');
  const { tensors, metadata } = await openSafetensors(file);
  for (const [kind, says] of metadata) {
    const part = (name: string) => tensors.get(`${kind}.${name}`)!;
    const [K, N, groupSize, add] = /in (\d+), out (\d+), group_size (-?\d+).*stored \+ (\d)/
      .exec(says)!
      .slice(1)
      .map(Number);
    const parts = { qweight: part('qweight'), qzeros: part('qzeros'), scales: part('scales'), g_idx: part('g_idx') };
    const layer: Packed = { name: kind, parts, N, K };
    const { weight } = await unpackLayer(layer, { groupSize }, add);
    const found = await readFloat32(weight);
    expect(found, kind).toEqual(await readFloat32(part('weight')));
    const [x, y, bias] = await Promise.all(['x', 'y', 'bias'].map((name) => readFloat64(part(name))));
    for (const [i, expected] of y.entries()) {
      let sum = bias[i % N];
      for (let k = 0; k < K; k++) sum += x[Math.floor(i / N) * K + k] * found[(i % N) * K + k];
      expect(Math.abs(sum - expected), kind).toBeLessThan(1e-12);
    }
    // Groups that follow one another need not be listed.
    if (!says.includes('desc_act True')) {
      const unlisted = await unpackLayer({ ...layer, parts: { ...parts, g_idx: undefined } }, { groupSize }, add);
      expect(await readFloat32(unlisted.weight), kind).toEqual(found);
    }
  }
  expect(metadata.size).toBe(7);
  await file.close();
});

test.each([
  'golden/tiny-int4',
  'golden/tiny-int4/act-order',
])('every matrix of %s is unpacked exactly', async (folder) => {
  const checkpoint = await openCheckpoint(folder);
  const expected: Record<string, Sampled> = JSON.parse(await readFile(join(folder, 'dequantised.json'), 'utf8'));
  const packed = [...checkpoint.tensors.values()].filter((tensor) => tensor.packed);
  expect(packed.map(({ name }) => name).sort()).toEqual(
    Object.keys(expected)
      .map((name) => `${name}.weight`)
      .sort(),
  );
  for (const { name, shape } of packed) {
    const values = await checkpoint.load(name);
    const { absmax, index, value, ...of } = expected[name.slice(0, -'.weight'.length)];
    expect(shape).toEqual(of.shape);
    expect(values.reduce((most, each) => Math.max(most, Math.abs(each)), 0)).toBe(absmax);
    expect(index.map((at) => values[at])).toEqual(value);
  }
  const file = await openFile(join(folder, 'dequantised.safetensors'));
  for (const [name, rows] of (await openSafetensors(file)).tensors) {
    const wanted = await readFloat32(rows);
    expect((await checkpoint.load(name)).subarray(0, wanted.length)).toEqual(wanted);
  }
  await file.close();
  await checkpoint.close();
});

test('biases that the original does not have are the model’s, whatever the configuration says', async () => {
  const checkpoint = await openCheckpoint('golden/tiny-int4/act-order');
  expect(checkpoint.config.no_bias).toBe(false);
  expect((await checkpoint.load('transformer.h.1.mlp.w2.bias')).some((value) => value !== 0)).toBe(true);
  await checkpoint.close();
  // Later packers leave out those that the layer did not have; where only some are left out, the others are zeros.
  const without = await openCheckpoint(await int4Folder({ drop: /transformer\.h\..*(c_proj|w1|w2)\.bias$/ }));
  expect([without.config.no_bias, without.tensors.has('transformer.h.0.mlp.w1.bias')]).toEqual([true, false]);
  await without.close();
  const some = await openCheckpoint(await int4Folder({ drop: /h\.0\.mlp\.w1\.bias$/ }));
  expect(await some.load('transformer.h.0.mlp.w1.bias')).toEqual(new Float32Array(768));
  await some.close();
});

test('the files and the configuration that AutoGPTQ writes', async () => {
  for (const [settings, name] of [
    [{}, 'gptq_model-4bit-64g.safetensors'],
    [{ model_file_base_name: 'mine' }, 'mine.safetensors'],
    [{ model_file_base_name: '../model' }, 'gptq_model-4bit-64g.safetensors'],
  ] as const) {
    const beside = JSON.stringify({ bits: 4, group_size: 64, sym: false, desc_act: true, ...settings });
    const folder = await int4Folder({ file: name, said: undefined, files: { 'quantize_config.json': beside } });
    const checkpoint = await openCheckpoint(folder);
    expect(checkpoint.notes[0]).toBe(
      '4-bit weights (GPTQ, groups of 64, scattered by activation, with zeros of their own)',
    );
    await checkpoint.close();
  }
});

test('zeros of either format, and files that name the wrong one', async () => {
  const zeros = (word: number) => (name: string, data: Int32Array) =>
    name.endsWith('.qzeros') ? data.map(() => word) : undefined;
  const name = 'transformer.h.0.mlp.w1.weight';
  const open = async (said: object, word: number) => {
    const checkpoint = await openCheckpoint(await int4Folder({ said: { sym: true, ...said }, change: zeros(word) }));
    const { zeros: found } = await checkpoint.tensors.get(name)!.packed!.read();
    await checkpoint.close();
    return { zeros: [...new Set(found)], notes: checkpoint.notes.slice(1, 2) };
  };
  const v2 = { checkpoint_format: 'gptq_v2' };
  expect(await open({}, 0x77777777)).toEqual({ zeros: [8], notes: [] });
  expect(await open(v2, 0x88888888 | 0)).toEqual({ zeros: [8], notes: [] });
  expect((await open({}, 0x88888888 | 0)).zeros).toEqual([8]);
  expect((await open({}, 0x88888888 | 0)).notes[0]).toContain('stores its zeros as they are, as "gptq_v2" does');
  expect((await open(v2, 0x77777777)).notes[0]).toContain('stores its zeros less one, as "gptq" does');
  const odd = await open({}, 0x77777776);
  expect(odd.zeros.sort()).toEqual([7, 8]);
  expect(odd.notes[0]).toContain('says that it is symmetric, and not all of its zeros are 8');
  expect(await open({ sym: false, ...v2 }, 0x33333333)).toEqual({ zeros: [3], notes: [] });
});

const module = 'transformer.h.1.attn.c_attn';
const only =
  (part: string, change: (data: Int32Array) => Int32Array) =>
  (name: string, data: Int32Array): Int32Array | undefined =>
    name === `${module}.${part}` ? change(data) : undefined;

test.each<[string, Parameters<typeof int4Folder>[0], string]>([
  ['AWQ', { said: { quant_method: 'awq' } }, 'its weights are quantised ("awq"), which is not read here; use'],
  ['bitsandbytes of old', { said: { quant_method: undefined, load_in_8bit: true } }, 'quantised (bitsandbytes)'],
  ['8 bits', { said: { bits: 8 } }, 'bits is 8, expected 4'],
  ['bits in words', { said: { bits: '4' } }, 'bits is "4", expected a whole number from 1 to 16; use'],
  ['no bits', { said: { bits: undefined } }, 'bits missing'],
  ['Marlin', { said: { checkpoint_format: 'marlin' } }, 'the format is "marlin", expected "gptq" or "gptq_v2"'],
  ['other words', { said: { pack_dtype: 'int64' } }, 'pack_dtype is "int64", expected "int32"'],
  ['modules of their own', { said: { dynamic: { '-:lm_head': {} } } }, 'dynamic has settings of single modules'],
  ['no group size', { said: { group_size: 0 } }, 'group_size is 0, expected a whole number from 1 to'],
  ['another group size', { said: { group_size: 32 } }, 'qzeros is [4, 96], expected [8, 96]'],
  ['a missing part', { drop: /h\.1\.mlp\.w1\.qzeros$/ }, '"transformer.h.1.mlp.w1": qzeros is missing'],
  ['a missing order', { drop: /h\.1\.mlp\.w1\.g_idx$/ }, '"transformer.h.1.mlp.w1": g_idx is missing'],
  ['another layer', { rename: [/h\.1\.mlp\.w1\./, 'h.1.mlp.w9.'] }, '"transformer.h.1.mlp.w9": there is no such layer'],
  ['a layer of the encoder', { rename: [/h\.1\.mlp\.w1\./, 'visual.proj.'] }, '"transformer.visual.proj": there is no'],
  ['a group too large', { change: only('g_idx', (data) => data.with(5, 4)) }, 'input 5 is in group 4, there are 4'],
  [
    'a negative group',
    { change: only('g_idx', (data) => data.with(255, -1)) },
    'input 255 is in group -1, there are 4',
  ],
  ['nothing packed', { drop: /\.(qweight|qzeros|scales|g_idx)$/ }, 'says that its weights are quantised, and none'],
])('refused in one line: %s', async (_, folder, says) => {
  const message = await refused(await int4Folder(folder));
  expect(message).toContain(says);
  expect(message).not.toContain('\n');
});

test('a weight beside its packed parts is refused: which of them counts cannot be told', async () => {
  const weight = { dtype: 'float32' as const, shape: [768, 256], data: new Float32Array(768 * 256) };
  const folder = await int4Folder({ add: { [`${module}.weight`]: weight } });
  expect(await refused(folder)).toContain(`"${module}": there is its weight too`);
});
