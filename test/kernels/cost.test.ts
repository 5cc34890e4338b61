import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { attention } from '../../kernels/attention.ts';
import { createDevice, type Launch } from '../../tensor/device.ts';
import { nullDriver } from '../../tensor/null.ts';
import { scope } from '../../tensor/scope.ts';
import { free, read, tensor } from '../../tensor/tensor.ts';
import { type Example, type Sizes, sizesOf } from './case.ts';
import { cases } from './cases.ts';
import { caseOf } from './check.ts';
import { countingDriver } from './counting-driver.ts';

interface Cost {
  readonly operations: number;
  /** Elements of 4 bytes. */
  readonly elements: number;
}

/** What `cost` says, what the kernels do, and the sizes that the signature bound. */
async function costsOf(op: string, { inputs, run }: Example): Promise<{ declared: Cost; counted: Cost; bound: Sizes }> {
  const driver = countingDriver();
  const device = createDevice(driver);
  let declared = { operations: 0, elements: 0 };
  device.onLaunch = (launch) => {
    expect(launch.op).toBe(op);
    declared = { operations: launch.operations, elements: launch.bytes / 4 };
  };
  const result = scope(() => {
    const tensors = Object.entries(inputs).map(([name, { data, shape }]) => [name, tensor(device, data, shape)]);
    return { read: read(run(Object.fromEntries(tensors), device)) };
  });
  await result.read;
  return { declared, counted: { operations: driver.counted, elements: driver.moved }, bound: driver.sizes };
}

/** What the kernels do beyond what the algorithm needs, from the sizes that the signature bound. */
interface Extra {
  operations?(sizes: Sizes, inputs: Example['inputs']): number;
  elements?(sizes: Sizes, inputs: Example['inputs']): number;
}

const blocks = (length: number) => Math.ceil(length / 32);
const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
const none = () => 0;

/** The number of keys that each query row sees. */
const seen = ({ span }: Example['inputs']): number[] =>
  Array.from({ length: span.shape[0] }, (_, row) => span.at(row, 1));

/** How many query rows see nothing. */
const blind = (inputs: Example['inputs']): number => seen(inputs).filter((count) => count === 0).length;

/** How many rows have each id. */
const countsOf = (ids: Example['inputs'][string], V: number): number[] =>
  Array.from({ length: V }, (_, v) => ids.data.filter((id) => id === v).length);

/** One block a score, as far as rows see; what they do not see is divided too. */
const scores: Extra['operations'] = ({ H, N, C, d }, inputs) => {
  const pairs = sum(seen(inputs));
  return H * (pairs * blocks(d) + N * C - pairs);
};
/** Each exponential is computed twice. */
const softmax: Extra['operations'] = ({ H }, inputs) => H * (2 * sum(seen(inputs)) + sum(seen(inputs).map(blocks)));
const values: Extra['operations'] = ({ H, d }, inputs) => H * d * sum(seen(inputs).map(blocks));
const keys: Extra['operations'] = ({ N, M, H, d }) => M * H * d * blocks(N);
const softmaxGradient: Extra['operations'] = ({ H }, inputs) => H * sum(seen(inputs).map(blocks));

const EXTRA: Readonly<Record<string, Extra>> = {
  // The sums of blocks; a bias, or a zero in its place.
  linear: { operations: ({ N, M, K }) => N * M * (blocks(K) + 1) },
  matmul: { operations: ({ N, M, K }) => N * M * blocks(K) },
  weightGradient: { operations: ({ N, M, K }) => M * K * blocks(N) },
  biasGradient: { operations: ({ N, M }) => M * blocks(N) },
  foldRows: { operations: ({ B, M, D }) => M * D * blocks(B) },
  sumRows: { operations: ({ V, D }, { ids }) => D * sum(countsOf(ids, V).map(blocks)) },
  layerNorm: { operations: ({ N, D }) => 2 * N * blocks(D) },
  rmsNorm: { operations: ({ N, D }) => N * blocks(D) },
  layerNormGradient: { operations: ({ N, D }) => 4 * N * blocks(D) },
  layerNormWeightGradient: { operations: ({ N, D }) => 2 * N * blocks(D) + D * blocks(N) },
  rmsNormGradient: { operations: ({ N, D }) => 2 * N * blocks(D) },
  rmsNormWeightGradient: { operations: ({ N, D }) => N * blocks(D) + D * blocks(N) },
  // Of a query that sees nothing neither the row nor where its keys begin is read.
  attentionScores: { operations: scores, elements: ({ H, d }, inputs) => -blind(inputs) * (H * d + 1) },
  // The first score of a row is read before it is known whether the row sees it.
  softmax: { operations: softmax, elements: ({ H }, inputs) => H * blind(inputs) },
  attentionValues: { operations: values },
  attention: {
    operations: (...given) => scores(...given) + softmax(...given) + values(...given),
    elements: ({ H, d }, inputs) => -blind(inputs) * H * d,
  },
  softmaxGradient: { operations: softmaxGradient },
  attentionKeys: { operations: keys },
  // Scores twice, the second time divided by 1; what flows to keys and to values alike. Of a query that sees nothing neither q nor dy is read.
  attentionGradient: {
    operations: (sizes, inputs) =>
      2 * scores(sizes, inputs) +
      sizes.H * sum(seen(inputs)) +
      softmax(sizes, inputs) +
      softmaxGradient(sizes, inputs) +
      values(sizes, inputs) +
      2 * keys(sizes, inputs),
    // Of a query that sees nothing neither its row nor what flows back to it is read.
    elements: ({ H, d }, inputs) => -2 * blind(inputs) * H * d,
  },
  // By rows, then all of them.
  sumOfSquares: { operations: ({ rows, columns }) => rows * blocks(columns) + rows + blocks(rows) },
  // Cells that a weight does not reach are multiplied by 0.
  resizeGridGradient: { operations: ({ from, to, D }) => D * to * (from + to) * (2 * from - 8) },
  // In the gradient each exponential is computed twice.
  crossEntropy: { operations: ({ N, V }) => N * blocks(V) },
  crossEntropyGradient: { operations: ({ N, V }) => N * (2 * V + blocks(V)) },
  // Comparisons are all that there is to it, so they count; a product and a sum an element tell whether it is a number.
  argmax: { operations: ({ N, V }) => N * V },
  // An image's row replaces a token's, which is read all the same.
  splice: { elements: ({ T, D }, { source }) => D * sum(Array.from({ length: T }, (_, i) => +(source.at(0, i) >= 0))) },
  // In place it is not: the rest of the cache is copied.
  append: { elements: ({ M, N, D }) => 2 * M * D - N * D },
  addColumns: { elements: ({ N, C, groups, width }) => 2 * N * (C - groups * width) },
  // Four sums are joined; and each turn reads everything anew: that is what it is for.
  memoryRoof: { operations: ({ N }) => 3 * N, elements: ({ N, R, D, turns }) => N * R * D * (1 - turns) },
  memoryRoofAbreast: {
    operations: ({ N, D }) => 3 * N * D,
    elements: ({ N, R, D, turns }) => N * R * D * (1 - turns),
  },
};

/** They have no `erf` and no sigmoid of their own, which count as one operation. */
const APPROXIMATED: readonly string[] = ['gelu', 'siluGate', 'siluGateGradient'];

test.each(cases.map(({ op }) => op))('%s costs what its kernels do, in operations and in bytes', async (op) => {
  const property = fc.asyncProperty(sizesOf(caseOf(op)), async (sizes) => {
    const example = caseOf(op).example(sizes);
    const { declared, counted, bound } = await costsOf(op, example);
    const { operations = none, elements = none } = EXTRA[op] ?? {};
    expect(counted.elements).toBe(declared.elements + elements(bound, example.inputs));
    if (APPROXIMATED.includes(op)) expect(counted.operations).toBeGreaterThan(declared.operations);
    else expect(counted.operations).toBe(declared.operations + operations(bound, example.inputs));
  });
  await fc.assert(property, { numRuns: 10 });
});

test('every operation has a case', async () => {
  const files = (await readdir('kernels')).filter((name) => name.endsWith('.ts')).map((name) => join('kernels', name));
  const sources = await Promise.all([...files, 'src/profile/roof-kernels.ts'].map((file) => readFile(file, 'utf8')));
  const declared = sources.flatMap((source) => [...source.matchAll(/^ {2}name: '(\w+)',$/gm)].map(([, name]) => name));
  expect(cases.map(({ op }) => String(op)).sort()).toEqual(declared.sort());
});

test.each(['gelu', 'siluGate'])('%s has at least four operations an element', async (op) => {
  const { declared } = await costsOf(op, caseOf(op).example({ N: 3, D: 40, magnitude: 4, seed: 1 }));
  expect(declared.operations).toBeGreaterThanOrEqual(4 * 3 * 40);
});

test('spans that only the device knows count every column', async () => {
  const device = createDevice(nullDriver);
  const launches: Launch[] = [];
  device.onLaunch = (launch) => launches.push(launch);
  const x = tensor(device, new Float32Array(8), [2, 4]);
  for (const data of [Int32Array.of(0, 1, 0, 1), () => Int32Array.of(0, 1, 0, 1)]) {
    const span = tensor(device, data, [2, 2], { dtype: 'int32' });
    free(attention(x, x, x, span, { heads: 2, mostKeys: 2, divisor: 1 }));
  }
  expect(launches.map(({ operations, bytes }) => ({ operations, bytes }))).toEqual([
    { operations: 2 * 2 * 14, bytes: 4 * (16 + 2 * 4 + 4) },
    { operations: 2 * 4 * 14, bytes: 4 * (16 + 4 * 4 + 4) },
  ]);
});
