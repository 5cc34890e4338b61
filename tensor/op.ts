import { after } from './after.ts';
import type { Device, Launch, OnKernel } from './device.ts';
import { bind, type Signature, type Sizes } from './signature.ts';
import { path } from './tap.ts';
import { type Differentiable, record } from './tape.ts';
import { allocate, elements, requireLive, settling, storageOf, type Tensor } from './tensor.ts';

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

/** An operation: what it computes (its doc comment), on which shapes, at which cost, by which kernels. */
export interface Op extends Differentiable {
  readonly signature: Signature;
  /**
   * Checks what the host knows of the numbers that point into other inputs: on a device nobody does, and what lies beyond a tensor
   * is taken for a part of it.
   *
   * @throws RangeError naming the operation and the number
   */
  check?(sizes: Sizes, inputs: readonly (Tensor | undefined)[]): void;
  /** Floating-point operations the algorithm needs; bytes that must move once (by default every input and the output). */
  cost(sizes: Sizes, given: Given): { operations: number; bytes?: number };
  /** The kernels, in order; the last one makes the result. An optional input that was left out is undefined. */
  kernels(run: Run, inputs: readonly Handle[], sizes: Sizes): Handle;
}

/** What a cost depends on beside the sizes. */
export interface Given {
  /** Their shapes, and what is `known` of them; an optional input that was left out is undefined. */
  readonly inputs: readonly (Tensor | undefined)[];
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

/**
 * The one way an operation runs: checks lifetimes and shapes now, and queues the work. An input that failed poisons the
 * output; the first read throws its error.
 *
 * @param on the device, for an operation without inputs
 * @throws UseAfterFreeError, ShapeError, RangeError
 */
export function launch(op: Op, inputs: readonly (Tensor | undefined)[], attributes: Sizes = {}, on?: Device): Tensor {
  const present = inputs.filter((input) => input !== undefined);
  const device = on ?? present[0]!.device;
  const { onLaunch } = device;
  const asked = onLaunch ? performance.now() : 0;
  for (const [index, input] of inputs.entries()) {
    if (input) requireLive(op.name, op.signature.inputs[index]?.name ?? `input ${index}`, input);
  }
  const { sizes, shape } = bind(op.name, op.signature, inputs, attributes);
  op.check?.(sizes, inputs);
  const stranger = present.find((input) => input.device !== device);
  if (stranger) throw new TypeError(`${op.name}: its inputs live on ${device.name} and on ${stranger.device.name}`);

  const output = allocate(device, op.name, shape, op.signature.output.dtype);
  const block = path();
  // What nobody hears of is neither priced nor timed.
  const heard = onLaunch && describe(op, inputs, sizes, output, asked);
  if (heard) onLaunch(heard, output, inputs);
  const work = { op, inputs, sizes, shape, device, block };
  // No function here has a name of its own: the TypeScript loader would give it one anew at every launch.
  device.queue.push(settling(output, heard ? (now) => timed(heard, work, now) : () => carryOut(work)));
  record({ op, inputs, output, sizes, path: block });
  if (heard) heard.launching = performance.now() - asked;
  return output;
}

/** A launch as its turn in the queue finds it. */
interface Work {
  readonly op: Op;
  readonly inputs: readonly (Tensor | undefined)[];
  readonly sizes: Sizes;
  readonly shape: readonly number[];
  readonly device: Device;
  /** The path of the block that it belongs to: errors say it. */
  readonly block: string;
}

function carryOut({ op, inputs, sizes, shape, device, block }: Work, onKernel?: OnKernel): unknown {
  const storages = inputs.map((input) => input && storageOf(input));
  return after(
    () => device.driver.run(op, storages, sizes, shape, onKernel),
    itself,
    (error) => {
      throw new Error(`${block ? `${block}: ` : ''}${op.name} failed on ${device.name}`, { cause: error });
    },
  );
}

/** The same for one that is heard: notes for how long it ran, and its kernels if somebody wants to know them. */
function timed(launch: Launch, work: Work, start: number): unknown {
  const { op, inputs, sizes, device } = work;
  const { kernels } = launch;
  launch.start = start;
  // Only now is it known how the device keeps its weights.
  const isBfloat16 = (input: Tensor | undefined) => input && device.driver.isBfloat16?.(storageOf(input));
  if (inputs.some(isBfloat16)) launch.bytes = bytesOf(op.cost(sizes, { inputs, weightBytes: 2 }), inputs, launch.shape);
  return after(
    () => carryOut(work, kernels && ((name, start, milliseconds) => void kernels.push({ name, start, milliseconds }))),
    (storage) => {
      launch.milliseconds = performance.now() - start;
      return storage;
    },
    (error) => {
      launch.milliseconds = performance.now() - start;
      throw error;
    },
  );
}

function describe(
  op: Op,
  inputs: readonly (Tensor | undefined)[],
  sizes: Sizes,
  output: Tensor,
  asked: number,
): Launch {
  const cost = op.cost(sizes, { inputs, weightBytes: 4 });
  return {
    op: op.name,
    path: path(),
    inputs: inputs.map((input) => input?.shape),
    shape: output.shape,
    operations: cost.operations,
    bytes: bytesOf(cost, inputs, output.shape),
    asked,
    launching: undefined,
    start: undefined,
    milliseconds: undefined,
    kernels: undefined,
  };
}

/** What a cost declares, or every input and the output. */
function bytesOf(
  { bytes }: { bytes?: number },
  inputs: readonly (Tensor | undefined)[],
  output: readonly number[],
): number {
  if (bytes !== undefined) return bytes;
  return 4 * inputs.reduce((sum, input) => sum + (input ? elements(input.shape) : 0), elements(output));
}

const itself = <Value>(value: Value): Value => value;
