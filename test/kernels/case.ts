import * as fc from 'fast-check';
import type { Device, HostData } from '../../tensor/device.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import type { OpName } from '../tolerances.ts';

/** How large an example is, and the seed of its data: numbers alone, so that they can be sent to a page. */
export type Sizes = Readonly<Record<string, number>>;

/** An operation on ragged sizes, and what it should give, computed in float64 straight from the equation. */
export interface Case {
  readonly op: OpName;
  readonly sizes: Readonly<Record<string, fc.Arbitrary<number>>>;
  /** What it is given beside inputs of these sizes, in every way that differs in where their elements lie; nothing by default. */
  attributes?(sizes: Sizes): readonly Sizes[];
  example(sizes: Sizes): Example;
}

export interface Example {
  readonly inputs: Readonly<Record<string, Given>>;
  /** Through the operation's public function. */
  run(inputs: Readonly<Record<string, Tensor>>, device: Device): Tensor;
  /** `[rows, columns]` of the result, as a kernel sees it. */
  readonly shape: readonly [rows: number, columns: number];
  element(row: number, column: number): Expected;
}

/** What an element should be, and the natural scale of its rounding errors, such as the sum of the terms' magnitudes. */
export interface Expected {
  readonly value: number;
  readonly scale: number;
}

/** Host data that is read as a matrix, whatever its shape: rows of the last dimension. */
export interface Given {
  readonly shape: readonly number[];
  readonly data: HostData;
  at(row: number, column: number): number;
}

export function given(shape: readonly number[], data: HostData): Given {
  const columns = shape.at(-1)!;
  return { shape, data, at: (row, column) => data[row * columns + column] };
}

/** Sizes around the blocks of 32 in which kernels sum, and around the 4 lanes and 8 × 8 threads in which devices work. */
const awkward = [1, 2, 3, 4, 5, 7, 8, 13, 31, 32, 33, 61, 64, 65, 97];
export const size = fc.oneof(fc.constantFrom(...awkward), fc.integer({ min: 1, max: 70 }));
export const small = fc.integer({ min: 1, max: 9 });
export const between = (min: number, max: number) => fc.integer({ min, max });
export const flag = between(0, 1);

/** The sizes of a case, with a seed for its data. */
export const sizesOf = ({ sizes }: Case): fc.Arbitrary<Sizes> =>
  fc.record({ ...sizes, seed: fc.integer({ min: 0, max: 0xffff }) });

/** Deterministic data for a seed. */
export interface Draw {
  /** Within ±magnitude: products of two uniform numbers, so that every bit of a float32 is in use. */
  floats(shape: readonly number[], magnitude?: number): Given;
  /** Uniform whole numbers, both bounds included. */
  integers(shape: readonly number[], min: number, max: number): Given;
  integer(min: number, max: number): number;
}

export function draw(seed: number): Draw {
  let state = seed;
  // Weyl sequence through MurmurHash3's finaliser.
  const uniform = (): number => {
    state = (state + 0x9e3779b9) | 0;
    let h = state;
    h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
    h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
    return ((h ^ (h >>> 16)) >>> 8) / 2 ** 24;
  };
  const integer = (min: number, max: number) => min + Math.floor(uniform() * (max - min + 1));
  const count = (shape: readonly number[]) => shape.reduce((product, length) => product * length, 1);
  return {
    integer,
    floats: (shape, magnitude = 1) =>
      given(
        shape,
        Float32Array.from({ length: count(shape) }, () => (2 * uniform() - 1) * uniform() * magnitude),
      ),
    integers: (shape, min, max) =>
      given(
        shape,
        Int32Array.from({ length: count(shape) }, () => integer(min, max)),
      ),
  };
}

/** A value that is only moved. */
export const exactly = (value: number): Expected => ({ value, scale: Math.abs(value) });

/** A sum and the sum of its terms' magnitudes. */
export function sum(count: number, term: (index: number) => number): Expected {
  let value = 0;
  let scale = 0;
  for (let index = 0; index < count; index++) {
    const each = term(index); // once: terms of attention are sums themselves
    value += each;
    scale += Math.abs(each);
  }
  return { value, scale };
}
