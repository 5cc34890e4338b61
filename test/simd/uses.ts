import * as fc from 'fast-check';
import { createDevice, type Driver, type HostData } from '../../tensor/device.ts';
import { nullDriver } from '../../tensor/null.ts';
import { launch, type Op } from '../../tensor/op.ts';
import { scope } from '../../tensor/scope.ts';
import type { Sizes } from '../../tensor/signature.ts';
import { free, type Tensor, tensor } from '../../tensor/tensor.ts';
import { draw, sizesOf } from '../kernels/case.ts';
import { cases } from '../kernels/cases.ts';

/** One way to use a tensor: an operation, at which of its inputs the tensor stands, and what stands at the others. */
export interface Use {
  readonly name: string;
  readonly op: Op;
  readonly sizes: Sizes;
  /** Of each input: its elements, or nothing where the tensor stands. */
  readonly others: readonly ({ readonly shape: readonly number[]; readonly data: HostData } | undefined)[];
  /** The tensor is gone afterwards. */
  readonly consumes: boolean;
}

/** What each operation is given beside its inputs, in every way that makes a difference. A new operation has to be added. */
const ATTRIBUTES: Readonly<Record<string, (sizes: Sizes) => readonly Sizes[]>> = {
  add: () => [{}],
  adamStep: () => [{ keep: 0.9, rate: 0.1, correction: 0.5, eps: 1e-6 }],
  attentionGradient: ({ N, M }) => [{ C: 5, divisor: 1.5, R: N + 2 * M }],
  attentionKeys: ({ C }) => [{ M: C + 2 }],
  biasGradient: ({ M }) => [
    { start: 0, R: M },
    { start: 3, R: M + 5 },
  ],
  clipFactor: () => [{ most: 1 }],
  crossEntropy: () => [{}],
  crossEntropyGradient: () => [{}],
  firstMoment: () => [{ beta: 0.9, rest: 0.1 }],
  foldRows: () => [{}],
  geluGradient: () => [{}],
  layerNormGradient: () => [{ eps: 1e-6 }],
  layerNormWeightGradient: () => [{ eps: 1e-6 }],
  placeColumns: ({ groups, width }) => [{ start: 1, stride: width + 1, C: groups * (width + 1) + 2 }],
  resizeGridGradient: () => [{ from: 3 }],
  rmsNormGradient: () => [{ eps: 1e-6 }],
  rmsNormWeightGradient: () => [{ eps: 1e-6 }],
  secondMoment: () => [{ beta: 0.9, rest: 0.1 }],
  siluGateGradient: () => [{}],
  softmaxGradient: () => [{}],
  sum: () => [{}],
  sumOfSquares: () => [{}],
  sumRows: () => [{}],
  weightGradient: ({ M }) => [
    { start: 0, R: M },
    { start: 3, R: M + 5 },
  ],
  append: () => [{}],
  argmax: () => [{}],
  attention: () => [{ C: 5, divisor: 1.5 }],
  attentionScores: () => [{ C: 5, divisor: 1.5 }],
  attentionValues: () => [{}],
  columns: () => [{ start: 1, width: 2, stride: 3, groups: 2 }],
  divide: () => [{ divisor: 3 }],
  embedding: () => [{}],
  gelu: () => [{}],
  layerNorm: () => [{ eps: 1e-6 }],
  // All rows; from a multiple of 8 on to the end, and not to the end; from elsewhere on.
  linear: ({ R }) =>
    [
      { start: 0, M: R },
      { start: 8, M: R - 8 },
      { start: 0, M: R - 1 },
      { start: 3, M: R - 4 },
    ].filter(({ M }) => M > 0),
  // All rows; the last ones.
  matmul: ({ K, R }) => (K <= R ? [{ start: R - K }] : []),
  memoryRoof: () => [{ turns: 2 }],
  multiplyAddRoof: () => [{ turns: 2 }],
  patches: () => [{}],
  resizeGrid: () => [{ to: 3 }],
  rmsNorm: () => [{ eps: 1e-6 }],
  rotary: ({ d }) => (d % 2 === 0 ? [{}] : []),
  scaleRows: () => [{}],
  siluGate: () => [{}],
  softmax: () => [{}],
  splice: () => [{}],
  zeros: () => [],
};

/** What counts and points, by its name in the signatures; some rows see nothing. */
const INTEGERS: Readonly<Record<string, (sizes: Sizes) => readonly number[]>> = {
  ids: ({ T, V }) => Array.from({ length: T }, (_, i) => (7 * i + 3) % V),
  source: ({ T, R }) => Array.from({ length: T }, (_, i) => (i % 3) - 1).map((row) => Math.min(row, R - 1)),
  span: ({ N, C, M = C }) => Array.from({ length: N }, (_, i) => [i % M, Math.min(i % (C + 1), M - (i % M))]).flat(),
  labels: ({ N, V }) => Array.from({ length: N }, (_, i) => (7 * i + 3) % V),
  order: ({ T, N }) => Array.from({ length: T }, (_, i) => (5 * i + 1) % N),
  segments: ({ M, N }) => [0, N - 1, 1, M - 1, 0, 1],
};

/** Letters that the tensor's shape leaves open. */
const OPEN: Sizes = { G: 2, C: 5, R: 11 };
const OPEN_OTHERWISE = 6;

/** The operations that have cases, which are all there are (kernels.test.ts), and the names of their sizes. */
export async function operations(): Promise<readonly { readonly op: Op; readonly names: readonly string[] }[]> {
  const found: { op: Op; names: string[] }[] = [];
  const run: Driver['run'] = (op, _, sizes) => void found.push({ op, names: Object.keys(sizes).sort() });
  const device = createDevice({ ...nullDriver, run });
  for (const each of cases) {
    const [sizes] = fc.sample(sizesOf(each), { numRuns: 1, seed: 1 });
    const { inputs, run } = each.example(sizes);
    scope(() => {
      const given = Object.entries(inputs).map(([name, { data, shape }]) => [name, tensor(device, data, shape)]);
      run(Object.fromEntries(given), device);
    });
  }
  await device.queue.idle();
  return found;
}

/** Every way in which an operation takes a tensor of this shape: at each of its inputs, and at several at once. */
export function usesOf(op: Op, shape: readonly number[]): Use[] {
  const attributes = ATTRIBUTES[op.name];
  if (!attributes) throw new RangeError(`${op.name} is not in ATTRIBUTES: say what it is given beside its inputs`);
  const { inputs } = op.signature;
  const places = inputs.flatMap(({ dtype }, index) => (dtype === 'float32' ? [index] : []));
  const subsets = Array.from({ length: 2 ** places.length - 1 }, (_, i) =>
    places.filter((_, bit) => ((i + 1) >> bit) & 1),
  );
  return subsets.flatMap((at) => {
    const letters = solve(op, at, shape);
    if (!letters) return [];
    return attributes(letters).map((given): Use => {
      const sizes = { ...letters, ...given };
      const others = inputs.map((input, index) => {
        if (at.includes(index)) return undefined;
        const { name, dtype } = input;
        const size = dimensionsOf(input, shape.length).map(({ factor, letters: own }) =>
          own.reduce((all, own) => all * sizes[own], factor),
        );
        if (dtype === 'float32') return draw(index + 1).floats(size);
        const numbers = INTEGERS[name];
        if (!numbers) throw new RangeError(`${op.name}: ${name} is not in INTEGERS: say what it may hold`);
        return { shape: size, data: Int32Array.from(numbers(sizes)) };
      });
      const where = at.map((index) => inputs[index].name).join(' and ');
      const name = `${op.name}(${where}) ${JSON.stringify(given)}`;
      return { name, op, sizes, others, consumes: op.name === 'append' && at.includes(0) };
    });
  });
}

/** The dimensions of an input; where it may have any shape, those of the tensor that is used. */
function dimensionsOf({ dimensions }: Op['signature']['inputs'][number], rank: number) {
  const any = [['rows'], ['columns']].slice(2 - rank);
  return dimensions ?? any.map((letters) => ({ text: letters[0], factor: 1, letters }));
}

/** Sizes of all letters, of which those at some inputs make this shape; undefined where none do. */
function solve({ signature }: Op, at: readonly number[], shape: readonly number[]): Sizes | undefined {
  const { inputs } = signature;
  const dimensions = inputs.map((input) => dimensionsOf(input, shape.length));
  if (at.some((index) => dimensions[index].length !== shape.length)) return undefined;
  const wanted = at.flatMap((index) => dimensions[index].map((dimension, axis) => ({ dimension, size: shape[axis] })));
  const letters = [...new Set(wanted.flatMap(({ dimension }) => dimension.letters))];
  const candidates = [2, 1, ...Array.from({ length: Math.max(...shape) - 2 }, (_, i) => i + 3)];
  const search = (sizes: Sizes): Sizes | undefined => {
    const fits = wanted.every(({ dimension, size }) => {
      const known = dimension.letters.every((letter) => letter in sizes);
      return !known || dimension.letters.reduce((all, letter) => all * sizes[letter], dimension.factor) === size;
    });
    if (!fits) return undefined;
    const open = letters.find((letter) => !(letter in sizes));
    if (open === undefined) return sizes;
    for (const value of candidates) {
      const found = search({ ...sizes, [open]: value });
      if (found) return found;
    }
    return undefined;
  };
  const found = search({});
  if (!found) return undefined;
  const rest = dimensions.flat().flatMap(({ letters }) => letters);
  const whole = inputs.some(({ dimensions }) => dimensions === undefined) ? { rows: 1 } : {}; // of a vector
  return { ...whole, ...Object.fromEntries(rest.map((letter) => [letter, OPEN[letter] ?? OPEN_OTHERWISE])), ...found };
}

/** Launches it. @param others tensors of the others */
export function launchUse({ op, sizes, consumes }: Use, used: Tensor, others: readonly (Tensor | undefined)[]): Tensor {
  const output = launch(
    op,
    others.map((other) => other ?? used),
    sizes,
  );
  if (consumes) free(used, op.name);
  return output;
}
