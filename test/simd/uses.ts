import * as fc from 'fast-check';
import { createDevice, type Driver, type HostData } from '../../tensor/device.ts';
import { nullDriver } from '../../tensor/null.ts';
import { launch, type Op } from '../../tensor/op.ts';
import { scope } from '../../tensor/scope.ts';
import type { Sizes } from '../../tensor/signature.ts';
import { free, type Tensor, tensor } from '../../tensor/tensor.ts';
import { type Case, draw, sizesOf } from '../kernels/case.ts';
import { CONSUMING, cases } from '../kernels/cases.ts';

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

/** What counts and points, by its name in the signatures; some rows see nothing. */
const INTEGERS: Readonly<Record<string, (sizes: Sizes) => readonly number[]>> = {
  ids: ({ T, V }) => Array.from({ length: T }, (_, i) => (7 * i + 3) % V),
  source: ({ T, R }) => Array.from({ length: T }, (_, i) => (i % 3) - 1).map((row) => Math.min(row, R - 1)),
  // Of keys, or of the rows that are listed.
  span: ({ N, V = N, C, T = C, M = T }) =>
    Array.from({ length: V }, (_, i) => [i % M, Math.min(i % (T + 1), M - (i % M))]).flat(),
  labels: ({ N, V }) => Array.from({ length: N }, (_, i) => (7 * i + 3) % V),
  order: ({ T, N }) => Array.from({ length: T }, (_, i) => (5 * i + 1) % N),
  segments: ({ M, N }) => [0, N - 1, 1, M - 1, 0, 1],
};

/** Letters that the tensor's shape leaves open. */
const OPEN: Sizes = { G: 2, C: 5, R: 11, groups: 2, width: 2 };
const OPEN_OTHERWISE = 6;

/** An operation that has a case, as all have (kernels.test.ts). */
export interface Operation extends Required<Pick<Case, 'attributes'>> {
  readonly op: Op;
  /** Of its sizes. */
  readonly names: readonly string[];
}

export async function operations(): Promise<readonly Operation[]> {
  const found: Operation[] = [];
  let attributes: Operation['attributes'];
  const run: Driver['run'] = (op, _, sizes) => void found.push({ op, names: Object.keys(sizes).sort(), attributes });
  const device = createDevice({ ...nullDriver, run });
  for (const each of cases) {
    const [sizes] = fc.sample(sizesOf(each), { numRuns: 1, seed: 1 });
    const { inputs, run } = each.example(sizes);
    attributes = each.attributes ?? (() => [{}]);
    scope(() => {
      const given = Object.entries(inputs).map(([name, { data, shape }]) => [name, tensor(device, data, shape)]);
      run(Object.fromEntries(given), device);
    });
    await device.queue.idle();
  }
  return found;
}

/** Every way in which an operation takes a tensor of this shape: at each of its inputs, and at several at once. */
export function usesOf({ op, attributes }: Operation, shape: readonly number[]): Use[] {
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
      return { name, op, sizes, others, consumes: CONSUMING.includes(op.name) && at.includes(0) };
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
  const alike = inputs.every((input) => input.dimensions) ? {} : { rows: 1 }; // of any shape; a vector is one row
  return { ...alike, ...Object.fromEntries(rest.map((letter) => [letter, OPEN[letter] ?? OPEN_OTHERWISE])), ...found };
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
