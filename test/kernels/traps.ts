import { add } from '../../kernels/add.ts';
import { gatherRows } from '../../kernels/gather-rows.ts';
import { linear } from '../../kernels/linear.ts';
import type { Device } from '../../tensor/device.ts';
import { scope } from '../../tensor/scope.ts';
import { read, type Tensor, tensor } from '../../tensor/tensor.ts';

/** GPU.js cuts loops at 1,000 unless it is told otherwise: examples for `checkCase` whose loops are longer. */
export const longLoops = [
  ...[1030, 2100].map((K) => ({ op: 'linear', sizes: { N: 2, K, M: 3, biased: 1, before: 1, after: 0 } })),
  { op: 'matmul', sizes: { N: 2, K: 2100, M: 3, before: 0, after: 1 } },
  { op: 'weightGradient', sizes: { N: 2100, M: 2, K: 3, before: 1, after: 0 } },
  { op: 'biasGradient', sizes: { N: 2100, M: 2, before: 1, after: 0 } },
  { op: 'foldRows', sizes: { B: 2100, M: 2, D: 3 } },
  { op: 'attentionKeys', sizes: { H: 2, sequences: 1, past: 0, present: 1030, causal: 0, d: 3 } },
  { op: 'crossEntropy', sizes: { N: 2, V: 2100, magnitude: 8 } },
  { op: 'crossEntropyGradient', sizes: { N: 2, V: 2100, magnitude: 8 } },
  { op: 'attentionScores', sizes: { H: 1, sequences: 1, past: 2, present: 1, causal: 0, d: 1030 } },
  { op: 'softmax', sizes: { H: 2, sequences: 1, past: 2100, present: 1, causal: 0, magnitude: 8 } },
  { op: 'attentionValues', sizes: { H: 2, sequences: 1, past: 2100, present: 1, causal: 0, d: 3 } },
  { op: 'layerNorm', sizes: { N: 2, D: 2100, mean: 0 } },
  { op: 'rmsNorm', sizes: { N: 2, D: 2100, mean: 0 } },
  { op: 'argmax', sizes: { N: 2, V: 2100, levels: 1_000_000, broken: 0 } },
].map(({ op, sizes }) => ({ op, sizes: { ...sizes, seed: 1 } as Readonly<Record<string, number>> }));

/** Whole numbers of which neighbours differ, in a row and in a column; their sums and products are exact. */
const pattern = (index: number) => ((index * 7) % 1021) - 510;

function filled(length: number): Float32Array {
  const values = new Float32Array(length); // by a loop: of this many elements every other way takes a second
  for (let index = 0; index < length; index++) values[index] = pattern(index);
  return values;
}

const SIDE = 4100; // its square is beyond 2²⁴
const TABLE = [70_000, 256] as const;

interface Crossing {
  run(device: Device): Tensor;
  expected(index: number): number;
}

/** Indices are float32 on all devices but `cpu`: results and inputs with more than 2²⁴ elements. */
const crossings: Readonly<Record<string, Crossing>> = {
  'the result of a product': {
    run(device) {
      const x = tensor(device, filled(SIDE), [SIDE, 1]);
      return linear(x, x);
    },
    expected: (index) => pattern(Math.trunc(index / SIDE)) * pattern(index % SIDE),
  },
  'an input and a result, element by element': {
    run: (device) => add(tensor(device, filled(SIDE * SIDE), [SIDE, SIDE]), tensor(device, filled(SIDE), [1, SIDE])),
    expected: (index) => pattern(index) + pattern(index % SIDE),
  },
  'the weight of a product': {
    run(device) {
      const last = Float32Array.from({ length: SIDE }, (_, k) => (k === SIDE - 1 ? 1 : 0));
      return linear(tensor(device, last, [1, SIDE]), tensor(device, filled(SIDE * SIDE), [SIDE, SIDE]));
    },
    expected: (index) => pattern(index * SIDE + SIDE - 1),
  },
  'a table': {
    run(device) {
      const ids = Int32Array.from({ length: 5 }, (_, i) => TABLE[0] - 5 + i);
      return gatherRows(tensor(device, filled(TABLE[0] * TABLE[1]), TABLE), tensor(device, ids, [5]));
    },
    expected: (index) => pattern((TABLE[0] - 5) * TABLE[1] + index),
  },
};
export const crossingNames = Object.keys(crossings);

/** @returns how many elements are wrong, and which is the first */
export async function cross(device: Device, name: string): Promise<{ wrong: number; first: number | undefined }> {
  const { run, expected } = crossings[name];
  const data = await scope(() => ({ read: read(run(device)) })).read;
  let wrong = 0;
  let first: number | undefined;
  for (let index = 0; index < data.length; index++) {
    if (data[index] === expected(index)) continue;
    wrong++;
    first ??= index;
  }
  return { wrong, first };
}
