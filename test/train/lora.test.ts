import { afterAll, expect, test } from 'vitest';
import { weightShapes } from '../../src/architecture/weight-shapes.ts';
import type { Model } from '../../src/model/qwen-vl.ts';
import { lossAndGradients } from '../../src/train/gradients.ts';
import { initialWeights } from '../../src/train/initial.ts';
import {
  factorShapes,
  initialFactor,
  isFactor,
  RELEASED_LORA,
  scaledFactors,
  withWeights,
} from '../../src/train/lora.ts';
import { uniforms } from '../../src/train/noise.ts';
import { freeAll, read } from '../../tensor/tensor.ts';
import { closeTinyDevices, tinyConfig, tinyData, tinySettings, withTinyModel } from './tiny-run.ts';

afterAll(closeTinyDevices);

type Matrix = { readonly rows: number; readonly columns: number; at(row: number, column: number): number };
const matrix = (data: ArrayLike<number>, [rows, columns]: readonly number[]): Matrix => ({
  ...{ rows, columns },
  at: (row, column) => data[row * columns + column],
});
const transposed = ({ rows, columns, at }: Matrix): Matrix => ({
  ...{ rows: columns, columns: rows },
  at: (row, column) => at(column, row),
});
const product = (a: Matrix, b: Matrix): Float64Array =>
  Float64Array.from({ length: a.rows * b.columns }, (_, i) => {
    const [row, column] = [Math.floor(i / b.columns), i % b.columns];
    let sum = 0;
    for (let k = 0; k < a.columns; k++) sum += a.at(row, k) * b.at(k, column);
    return sum;
  });

/** Every kind of layer that can have one. */
const LORA = {
  rank: 3,
  alpha: 5,
  targets: ['c_attn', 'c_proj', 'w1', 'w2', 'in_proj', 'out_proj', 'c_fc', 'kv_proj', 'lm_head'],
};

test('the gradients of the factors are those of the merged weight: dA = s·Bᵀ·dW, dB = s·dW·Aᵀ', async () => {
  const config = await tinyConfig();
  const shapes = factorShapes(config, LORA);
  const layers = [...shapes.keys()].flatMap((name) => name.match(/(.*)\.lora_A\.weight$/)?.slice(1) ?? []);
  expect(layers).toHaveLength(5 * config.num_hidden_layers + 4 * config.visual.layers + 2);
  const factor = (name: string) => {
    const shape = shapes.get(name)!;
    return Float32Array.from(uniforms(name, shape[0] * shape[1]), (u) => (2 * u - 1) / 8);
  };
  const scale = LORA.alpha / LORA.rank;
  const initial = initialWeights(config, 3);
  const merged = (name: string): Float32Array => {
    const whole = initial(name);
    const layer = name.replace(/\.weight$/, '');
    if (!layers.includes(layer)) return whole;
    const [B, A] = ['B', 'A'].map((which) => `${layer}.lora_${which}.weight`);
    const change = product(matrix(factor(B), shapes.get(B)!), matrix(factor(A), shapes.get(A)!));
    return whole.map((value, i) => value + scale * change[i]);
  };
  const batch = await tinyData(config).batch('stage-3', 1, tinySettings(1, 'stage-3').phases[0].recipe, 56);
  const gradients = async (model: Model, options: Parameters<typeof lossAndGradients>[2]) => {
    const { loss, gradients } = await lossAndGradients(model, batch, options);
    const all = new Map<string, ArrayLike<number>>();
    for (const [name, gradient] of gradients) all.set(name, await read(gradient));
    freeAll(model.device, [...gradients.values()]);
    return { loss, gradients: all };
  };
  const whole = await withTinyModel({ weight: merged }, (model) =>
    gradients(model, { trains: (name) => layers.includes(name.replace(/\.weight$/, '')) }),
  );
  const weight = (name: string) => (isFactor(name) ? factor(name) : undefined);
  const adapt = (model: Model) => withWeights(model, scaledFactors(model, LORA));
  const trains = isFactor;
  const apart = await withTinyModel({ lora: LORA, weight }, async (model) => {
    const kept = await gradients(model, { trains, adapt, recompute: false });
    const again = await gradients(model, { trains, adapt, recompute: true });
    expect([...again.gradients.keys()].sort()).toEqual([...kept.gradients.keys()].sort());
    for (const [name, values] of kept.gradients) expect(again.gradients.get(name), name).toEqual(values);
    return kept;
  });
  expect(apart.loss).toBeCloseTo(whole.loss, 5);
  expect([...apart.gradients.keys()].sort()).toEqual([...shapes.keys()].sort());
  for (const layer of layers) {
    const [A, B] = ['A', 'B'].map((which) => `${layer}.lora_${which}.weight`);
    const dW = matrix(whole.gradients.get(`${layer}.weight`)!, weightShapes(config).get(`${layer}.weight`)!);
    const expected = {
      [A]: product(transposed(matrix(factor(B), shapes.get(B)!)), dW),
      [B]: product(dW, transposed(matrix(factor(A), shapes.get(A)!))),
    };
    for (const [name, values] of Object.entries(expected)) {
      const found = apart.gradients.get(name)!;
      const off = Math.hypot(...values.map((value, i) => scale * value - found[i]));
      expect(off / Math.hypot(...values.map((value) => scale * value)), name).toBeLessThan(2e-5);
    }
  }
});

test('factors begin as PEFT begins with them, on the layers that the released script names', async () => {
  const config = await tinyConfig();
  const shapes = factorShapes(config, RELEASED_LORA);
  expect(
    [...shapes.keys()].filter((name) => name.includes('.h.0.')).map((name) => name.slice('transformer.h.0.'.length)),
  ).toEqual(
    ['attn.c_attn', 'attn.c_proj', 'mlp.w1', 'mlp.w2'].flatMap((layer) => [
      `${layer}.lora_A.weight`,
      `${layer}.lora_B.weight`,
    ]),
  );
  const [[name, shape], [other, otherShape]] = shapes;
  const A = initialFactor(1, name, shape);
  const bound = 1 / Math.sqrt(config.hidden_size);
  const variance = A.reduce((sum, value) => sum + value * value, 0) / A.length;
  expect(Math.max(...A.map(Math.abs))).toBeLessThanOrEqual(bound);
  expect(variance / (bound ** 2 / 3)).toBeCloseTo(1, 1);
  expect(initialFactor(2, name, shape)).not.toEqual(A);
  expect(initialFactor(1, other, otherShape).every((value) => value === 0)).toBe(true);
  expect(() => factorShapes(config, { ...RELEASED_LORA, targets: ['w1', 'attn'] })).toThrow('ends in "attn"');
});
