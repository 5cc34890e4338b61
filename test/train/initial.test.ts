import { expect, test } from 'vitest';
import { weightShapes } from '../../src/architecture/weight-shapes.ts';
import { initialWeights } from '../../src/train/initial.ts';
import { normals, uniforms } from '../../src/train/noise.ts';
import { tinyConfig } from './tiny-run.ts';

const mean = (values: ArrayLike<number>) => Array.from(values).reduce((a, b) => a + b, 0) / values.length;
const deviation = (values: ArrayLike<number>) => Math.sqrt(mean(Array.from(values, (value) => value * value)));

test('noise has the moments that it should, and none of its numbers depends on another', () => {
  const [uniform, normal] = [uniforms('a', 40_000), normals('b', 40_000)];
  expect(mean(uniform)).toBeCloseTo(0.5, 2);
  expect(12 * mean(uniform.map((value) => (value - 0.5) ** 2))).toBeCloseTo(1, 1);
  expect(mean(normal)).toBeCloseTo(0, 1);
  expect(deviation(normal)).toBeCloseTo(1, 2);
  expect(mean(normal.map((value) => value ** 4))).toBeCloseTo(3, 0); // a uniform distribution has 1.8
  expect(mean(normal.slice(1).map((value, i) => value * normal[i]))).toBeCloseTo(0, 1);
  expect([...normals('b', 5)]).toEqual([...normal.slice(0, 5)]);
  expect([...uniforms('1 a', 3)]).not.toEqual([...uniforms('2 a', 3)]);
});

test('weights are as the original makes them (golden/train, item 9), all but the adapter’s and the vision blocks’', async () => {
  const config = await tinyConfig();
  const load = initialWeights(config, 7);
  const ends = 0.02 / Math.sqrt(2 * config.num_hidden_layers);
  const visionEnds = 1 / Math.sqrt(2 * config.visual.layers);
  for (const [name, shape] of weightShapes(config)) {
    const values = load(name);
    expect(values.length, name).toBe(shape.reduce((a, b) => a * b, 1));
    if (/attn_pool\.(ln_|kv_proj|attn\.|pos_embed)|visual\.proj$/.test(name) && !/bias/.test(name)) continue;
    let expected = 0.02;
    if (/bias$/.test(name)) expected = 0;
    else if (/ln_\w+\.weight$/.test(name)) expected = /ln_post/.test(name) ? 0.02 : 1;
    else if (/resblocks/.test(name)) expected = (/(c|out)_proj/.test(name) ? visionEnds : 1) / Math.sqrt(shape[1]);
    else if (/c_proj\.weight$/.test(name)) expected = ends;
    else if (/positional_embedding$/.test(name)) expected = 0.5;
    else if (/conv1/.test(name)) expected = 1 / Math.sqrt(3 * 3 * 14 * 14); // uniform: the bound over √3
    if (expected === 0) expect(deviation(values), name).toBe(0);
    // Five times what a sample of this size may be off.
    else expect(Math.abs(deviation(values) / expected - 1), name).toBeLessThan(5 / Math.sqrt(2 * values.length));
  }
  const other = initialWeights(config, 8);
  expect(other('lm_head.weight')[0]).not.toBe(load('lm_head.weight')[0]);
  expect(load('lm_head.weight')[0]).not.toBe(load('transformer.wte.weight')[0]);
});

test('the adapter begins with matrices that keep lengths and angles', async () => {
  const config = await tinyConfig();
  const load = initialWeights(config, 7);
  const shapes = weightShapes(config);
  const visual = 'transformer.visual.';
  for (const name of [
    `${visual}proj`,
    `${visual}attn_pool.kv_proj.weight`,
    `${visual}attn_pool.attn.out_proj.weight`,
  ]) {
    const [rows, columns] = shapes.get(name)!;
    expect(rows, name).toBeGreaterThanOrEqual(columns);
    const matrix = load(name);
    for (let a = 0; a < columns; a++) {
      for (let b = 0; b <= a; b++) {
        let product = 0;
        for (let row = 0; row < rows; row++) product += matrix[row * columns + a] * matrix[row * columns + b];
        expect(product, `${name}, columns ${a} and ${b}`).toBeCloseTo(a === b ? 1 : 0, 5);
      }
    }
  }
});

test('a query of the adapter attends to its own cell', async () => {
  const config = await tinyConfig();
  const load = initialWeights(config, 7);
  const [C, Q] = [config.visual.output_dim, config.visual.n_queries];
  const weight = load('transformer.visual.attn_pool.attn.in_proj_weight');
  const positions = load('transformer.visual.attn_pool.pos_embed');
  for (let head = 0; head < C / 128; head++) {
    const project = (cell: number, part: number) =>
      Array.from({ length: 128 }, (_, d) => {
        const row = part * C + head * 128 + d;
        let sum = 0;
        for (let c = 0; c < C; c++) sum += weight[row * C + c] * positions[cell * C + c];
        return sum;
      });
    const [queries, keys] = [0, 1].map((part) => Array.from({ length: Q }, (_, cell) => project(cell, part)));
    for (const [i, query] of queries.entries()) {
      const scores = keys.map((key) => key.reduce((sum, value, d) => sum + value * query[d], 0) / Math.sqrt(128));
      const others = scores.filter((_, j) => j !== i);
      // A neighbour has e⁻⁶ of the weight, or e⁻⁸ in a model of twice the width, whose frequencies are closer.
      expect(scores[i] - Math.max(...others)).toBeGreaterThan(5);
      expect(scores[i] - Math.max(...others)).toBeLessThan(7);
    }
  }
});
