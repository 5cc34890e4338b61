import { afterAll, beforeAll, expect, test } from 'vitest';
import { weightShapes } from '../../src/architecture/weight-shapes.ts';
import { openLora } from '../../src/checkpoint/lora.ts';
import { readFloat32, type StoredTensor } from '../../src/checkpoint/stored-tensor.ts';
import { mergedWeight } from '../../src/generate/merge.ts';
import { load, lossAndGradients, openPicture, type QwenVL } from '../../src/index.ts';
import { freeModel, loadModel } from '../../src/model/qwen-vl.ts';

const ADAPTER = 'golden/tiny-lora/modern'; // rslora, patterns of ranks and alphas, both towers, whole wte and lm_head
let model: QwenVL;
beforeAll(async () => {
  model = await load('golden/tiny', { device: 'simd', threads: 2, adapter: ADAPTER });
});
afterAll(() => model.close());

const turn = { user: 'What is in the picture?', assistant: 'A red square.' };

/** How far two tensors are from each other, as a share of the second. */
function off(found: ArrayLike<number>, expected: ArrayLike<number>): number {
  const squares = (value: (i: number) => number) => {
    let sum = 0;
    for (let i = 0; i < expected.length; i++) sum += value(i) ** 2;
    return sum;
  };
  return Math.sqrt(squares((i) => expected[i] - found[i]) / squares((i) => expected[i]));
}

interface Matrix {
  readonly shape: readonly number[];
  readonly data: ArrayLike<number>;
}

function transposed({ shape: [rows, columns], data }: Matrix): Matrix {
  const turned = Float64Array.from(data, (_, i) => data[(i % rows) * columns + Math.floor(i / rows)]);
  return { shape: [columns, rows], data: turned };
}

function product({ shape: [M, K], data: a }: Matrix, { shape: [, N], data: b }: Matrix): Float64Array {
  const result = new Float64Array(M * N);
  for (let m = 0; m < M; m++) {
    for (let k = 0; k < K; k++) for (let n = 0; n < N; n++) result[m * N + n] += a[m * K + k] * b[k * N + n];
  }
  return result;
}

test('with an adapter: gradients of weights are those of the merged model, those of its factors follow from them', async () => {
  const { checkpoint, device } = model;
  const weights = new Map<string, Float32Array>();
  for (const [name, shape] of weightShapes(checkpoint.config)) {
    weights.set(name, await mergedWeight(device, checkpoint, name, shape));
  }
  const merged = loadModel(device, checkpoint.config, async (name) => weights.get(name)!);
  const image = await openPicture({ path: 'golden/tiny/pictures/scene-1.png' });
  const seen = [{ turns: [{ ...turn, user: [{ image }, { text: turn.user }] }] }];
  const expected = await lossAndGradients({ ...model, model: merged }, seen);
  const found = await lossAndGradients(model, seen);
  freeModel(merged);
  expect(found.loss).toBeCloseTo(expected.loss, 6);
  for (const [name, { data }] of expected.gradients)
    expect(off(found.gradients.get(name)!.data, data), name).toBeLessThan(2e-5);

  const lora = await openLora(ADAPTER);
  expect(found.gradients.size).toBe(expected.gradients.size + 2 * lora.changes.size);
  for (const [layer, { A, B, scale }] of lora.changes) {
    const dW = expected.gradients.get(`${layer}.weight`)!;
    const stored = async (factor: StoredTensor) => ({ shape: factor.shape, data: await readFloat32(factor) });
    const [dA, dB] = ['A', 'B'].map((factor) => found.gradients.get(`${layer}.lora_${factor}.weight`)!);
    expect([dA.shape, dB.shape]).toEqual([A.shape, B.shape]);
    const scaled = (values: Float64Array) => values.map((value) => scale * value);
    expect(off(dA.data, scaled(product(transposed(await stored(B)), dW))), `${layer}: A`).toBeLessThan(2e-5);
    expect(off(dB.data, scaled(product(dW, transposed(await stored(A))))), `${layer}: B`).toBeLessThan(2e-5);
  }
  await lora.close();
});

test('over weights in 4 bits they are those of the unpacked weights, and the factors’ alone can be had', async () => {
  const options = { device: 'simd', threads: 2, adapter: 'golden/tiny-lora/qlora' } as const;
  const packed = await load('golden/tiny-int4', options);
  const { checkpoint, device } = packed;
  const unpacked = loadModel(device, checkpoint.config, checkpoint.load, { lora: checkpoint.lora });
  try {
    const said = [{ turns: [turn] }];
    const trains = (name: string) => name.startsWith('transformer.h.');
    const found = await lossAndGradients(packed, said, { trains });
    const expected = await lossAndGradients({ ...packed, model: unpacked }, said, { trains });
    expect(found.gradients.has('transformer.h.0.mlp.w1.weight')).toBe(true);
    expect([...found.gradients.keys()]).toEqual([...expected.gradients.keys()]);
    for (const [name, { data }] of expected.gradients)
      expect(off(found.gradients.get(name)!.data, data), name).toBeLessThan(2e-5);
    const alone = await lossAndGradients(packed, said, { trains: (name) => name.includes('.lora_') });
    expect(new Set(alone.gradients.keys())).toEqual(new Set(checkpoint.lora!.keys()));
    for (const [name, { data }] of alone.gradients) expect(off(data, found.gradients.get(name)!.data), name).toBe(0);
  } finally {
    freeModel(unpacked);
    await packed.close();
  }
});
