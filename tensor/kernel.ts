import type { Signature, Sizes } from './signature.ts';

/** A tensor as a kernel sees it: rows of the last dimension, all other dimensions flattened into the row number. */
export type Matrix = readonly (readonly number[])[];

/** What `this` is in a kernel: one thread makes the element `[thread.y][thread.x]` of the output. */
export interface Thread {
  readonly thread: { readonly x: number; readonly y: number };
}

/**
 * The body of one thread. GPU.js reads its source text and translates it, so it must be a `function` expression that names
 * nothing but its arguments, `this.thread`, `Math` and local variables.
 */
// biome-ignore lint/suspicious/noExplicitAny: a kernel's arguments are matrices and numbers in an order of its own
export type Kernel = (this: Thread, ...inputs: any[]) => number;

/** A tensor inside an operation: an input, or what an earlier kernel of the same operation made. */
export interface Handle {
  readonly handle: unique symbol;
}

/** Runs a kernel over `[rows, columns]` outputs; what it makes lives until the operation ends. */
export type Run = (
  kernel: Kernel,
  shape: readonly [rows: number, columns: number],
  ...inputs: (Handle | number)[]
) => Handle;

/** What a driver runs: an operation by itself, without its gradient, which is made of others. */
export interface Computation {
  readonly name: string;
  readonly signature: Signature;
  /** Floating-point operations the algorithm needs; bytes that must move once (by default every input and the output). */
  cost(sizes: Sizes, given: Given): { operations: number; bytes?: number };
  /** The kernels, in order; the last one makes the result. An optional input that was left out is undefined. */
  kernels(run: Run, inputs: readonly Handle[], sizes: Sizes): Handle;
}

/** As much of a tensor as a cost depends on. */
interface Known {
  readonly shape: readonly number[];
  /** The numbers of an int32 tensor, as long as the host has them. */
  readonly known: Int32Array | undefined;
}

/** What a cost depends on beside the sizes. */
export interface Given {
  /** In the order of the signature; an optional one that was left out is undefined. */
  readonly inputs: readonly (Known | undefined)[];
  /** Bytes of an element of a weight, as the device keeps it. */
  readonly weightBytes: number;
}

/** Kernels that do so much arithmetic that a device should spread them over its threads. */
const parallelKernels = new WeakSet<Kernel>();

export function parallel<K extends Kernel>(kernel: K): K {
  parallelKernels.add(kernel);
  return kernel;
}

export const isParallel = (kernel: Kernel): boolean => parallelKernels.has(kernel);
