import type { Drawn } from '../device.ts';
import type { Int4Matrix } from '../int4.ts';
import type { Sizes } from '../signature.ts';
import type { Func } from '../wasm/code.ts';
import type { Host } from './bank.ts';
import type { Int4Parts, Stored } from './stored.ts';

/** How one operation runs as WebAssembly kernels. */
export interface Recipe {
  /** The operation's name. */
  readonly op: string;
  /** The kernels that `run` records; a kernel that is not named here is in no module. */
  readonly kernels: readonly Func[];
  /** The input in whose memory the operation runs: it is never copied. Without one that is the largest input. */
  readonly main?: Main;
  /**
   * Records the kernels: where each finds its inputs and sizes, and how many units there are.
   *
   * @param inputs all but the main one as rows of float32, or of int32 where the signature says so; an optional one that was left
   * out is undefined
   * @param output has its place already
   */
  run(host: Host, inputs: readonly Stored[], sizes: Sizes, output: Stored): void;
}

/**
 * How an operation takes its main input:
 * - `matrix`: whatever it holds, for the recipe makes panels of it;
 * - `rows`: as rows, in float32 or bfloat16;
 * - `output`: consumed, so that the output begins with its elements.
 */
export interface Main {
  readonly input: number;
  readonly as: 'matrix' | 'rows' | 'output';
}

/** What the device needs beside operations: elements are made, and brought from one layout or type to another. */
export interface Elements {
  readonly kernels: readonly Func[];
  /** The tensor as rows in the type that it has, until the operation ends. */
  asRows(host: Host, stored: Stored): Stored;
  /** The tensor as rows of float32 (or int32), until the operation ends. */
  asWords(host: Host, stored: Stored): Stored;
  /** Writes the elements of a matrix of float32 rows to another of its shape. */
  copy(host: Host, from: Stored, to: Stored): void;
  /** How a matrix lies in 4 bits. */
  int4Parts(matrix: Int4Matrix): Int4Parts;
  writeInt4(matrix: Int4Matrix, parts: Int4Parts, into: Uint8Array): void;
  /** Writes numbers that follow from their indices. */
  draw(host: Host, drawn: Drawn, to: Stored): void;
}

/** All that a device computes with. */
export interface Recipes {
  /** One for each operation. */
  readonly operations: readonly Recipe[];
  readonly elements: Elements;
}

/** Every kernel once. */
export const kernelsOf = ({ operations, elements }: Recipes): readonly Func[] => [
  ...new Set([...elements.kernels, ...operations.flatMap(({ kernels }) => kernels)]),
];
