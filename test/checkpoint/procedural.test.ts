import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { linear } from '../../kernels/linear.ts';
import { patches } from '../../kernels/patches.ts';
import { parseConfig } from '../../src/architecture/config.ts';
import { sineCosinePositions } from '../../src/checkpoint/positions.ts';
import { fnv1a, proceduralCheckpoint, proceduralInput } from '../../src/checkpoint/procedural.ts';
import { openDevice } from '../../src/open-device.ts';
import { nmse } from '../../src/verify/metrics.ts';
import { closeDevice, type Drawn, type HostData } from '../../tensor/device.ts';
import { widenBfloat16 } from '../../tensor/dtype.ts';
import { scope } from '../../tensor/scope.ts';
import { read, tensor } from '../../tensor/tensor.ts';

const onHost = async (load: Promise<HostData | Drawn>): Promise<HostData> => {
  const data = await load;
  return 'onHost' in data ? data.onHost() : data;
};
const json = async (file: string) => JSON.parse(await readFile(file, 'utf8'));
const published = parseConfig(await json('golden/published/config.json'), 'config.json');
const tiny = parseConfig(await json('golden/tiny/config.json'), 'config.json');

test('the hash of names gives its published values', () => {
  expect([fnv1a(''), fnv1a('a'), fnv1a('foobar')]).toEqual([0x811c9dc5, 0xe40c292c, 0xbf9cf968]);
});

test('every weight is exact in bfloat16, spread as its kind asks', async () => {
  const load = proceduralCheckpoint(tiny);
  const bits = proceduralCheckpoint(tiny, true);
  for (const [name, deviation] of [
    ['transformer.h.0.attn.c_proj.weight', 74 * 2 ** -Math.floor(Math.log2(74 * 16) + 0.5)],
    ['transformer.h.0.attn.c_attn.bias', 74 * 2 ** -13],
    ['transformer.wte.weight', 74 * 2 ** -12],
    ['transformer.visual.ln_post.weight', 9.24 * 2 ** -7],
  ] as const) {
    const values = (await onHost(load(name))) as Float32Array;
    const kept = await onHost(bits(name)); // vectors stay float32
    expect(kept instanceof Uint16Array ? widenBfloat16(kept) : kept).toEqual(values);
    expect(new Uint32Array(values.buffer).every((bits) => (bits & 0xffff) === 0)).toBe(true);
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const spread = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
    expect(spread / deviation).toBeCloseTo(1, values.length > 10_000 ? 2 : 0);
  }
});

test('the sine-cosine table stays what it is; names that do not exist are refused', async () => {
  const load = proceduralCheckpoint(tiny);
  expect(await load('transformer.visual.attn_pool.pos_embed')).toEqual(
    sineCosinePositions(Math.sqrt(tiny.visual.n_queries), tiny.visual.output_dim),
  );
  await expect(load('transformer.h.99.ln_1.weight')).rejects.toThrow('procedural weights: no weight');
});

test("the published model's first layer, at full size, is the original's", async () => {
  const golden = (await json('golden/full-size/full.json')).taps['transformer.visual.conv1'];
  const { device } = await openDevice('webasm', 2);
  const weight = await onHost(proceduralCheckpoint(published)('transformer.visual.conv1.weight'));
  const { of } = scope(() => {
    const pixels = tensor(device, proceduralInput('input.pixels', 3 * 448 * 448), [3 * 448, 448]);
    return { of: read(linear(patches(pixels, 32, 14), tensor(device, weight, [1664, 588]))) };
  });
  const ours = await of;
  await closeDevice(device);
  const samples = golden.index.map((index: number) => ours[index]);
  expect(nmse(samples, golden.value)).toBeLessThan(5e-13); // float32 against float32
});
