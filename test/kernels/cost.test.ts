import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { createDevice } from '../../tensor/device.ts';
import { scope } from '../../tensor/scope.ts';
import { read, tensor } from '../../tensor/tensor.ts';
import { type Sizes, sizesOf } from './case.ts';
import { caseOf } from './check.ts';
import { countingDriver } from './counting-driver.ts';

/** What `cost` says, and what the kernels do. */
async function operationsOf(op: string, sizes: Sizes): Promise<{ declared: number; counted: number }> {
  const driver = countingDriver();
  const device = createDevice(driver);
  let declared = 0;
  device.onLaunch = ({ operations }) => {
    declared += operations;
  };
  const { inputs, run } = caseOf(op).example(sizes);
  const result = scope(() => {
    const tensors = Object.entries(inputs).map(([name, { data, shape }]) => [name, tensor(device, data, shape)]);
    return { read: read(run(Object.fromEntries(tensors))) };
  });
  await result.read;
  return { declared, counted: driver.counted };
}

const blocks = (length: number) => Math.ceil(length / 32);
const none = () => 0;

/** What the kernels do beyond what the algorithm needs. */
const extra: Readonly<Record<string, (sizes: Sizes) => number>> = {
  add: none,
  divide: none,
  scaleRows: none,
  rotary: none,
  resizeGrid: none,
  embedding: none,
  splice: none,
  append: none,
  columns: none,
  patches: none,
  // The sums of blocks; a bias, or a zero in its place.
  linear: ({ N, M, K }) => N * M * (blocks(K) + 1),
  matmul: ({ N, M, K }) => N * M * blocks(K),
  layerNorm: ({ N, D }) => 2 * N * blocks(D),
  rmsNorm: ({ N, D }) => N * blocks(D),
};

test.each(Object.keys(extra))('%s costs what its kernels do', async (op) => {
  const property = fc.asyncProperty(sizesOf(caseOf(op)), async (sizes) => {
    const { declared, counted } = await operationsOf(op, sizes);
    expect(counted - declared).toBe(extra[op](sizes));
  });
  await fc.assert(property, { numRuns: 10 });
});

test('attention costs what its kernels do where every key is seen', async () => {
  const sizes = { H: 3, sequences: 1, past: 69, present: 1, causal: 0, d: 5, magnitude: 1 };
  for (let seed = 0; seed < 8; seed++) {
    const C = caseOf('softmax').example({ ...sizes, seed }).shape[1];
    if (C !== 70) continue; // a result wider than any row needs
    const difference = async (op: string) => {
      const { declared, counted } = await operationsOf(op, { ...sizes, seed });
      return counted - declared;
    };
    expect(await difference('attentionScores')).toBe(3 * 70 * blocks(5)); // one block a score
    expect(await difference('attentionValues')).toBe(3 * 5 * blocks(70));
    expect(await difference('softmax')).toBe(3 * (2 * 70 + blocks(70))); // each exponential is computed twice
    return;
  }
  expect.fail('no seed gives a result that is as wide as its rows');
});

test.each(['gelu', 'siluGate'])('%s costs no more than its kernel, which has no erf and no sigmoid', async (op) => {
  const { declared, counted } = await operationsOf(op, { N: 3, D: 40, magnitude: 4, seed: 1 });
  expect(declared).toBeLessThan(counted);
  expect(declared).toBeGreaterThanOrEqual(4 * 3 * 40);
});
