import { DeviceError } from './error.ts';
import type { Int4Matrix } from './int4.ts';
import type { Computation } from './kernel.ts';
import { createQueue, type Queue } from './queue.ts';
import type { Signature, Sizes } from './signature.ts';

/** Told of each kernel of an operation when it has run: the kernel's name, when it began (`performance.now()`), and for how long. */
export type OnKernel = (name: string, start: number, milliseconds: number) => void;

/** What a tensor's elements are on the host; 16-bit numbers are the bits of bfloat16. */
export type HostData = Float32Array | Int32Array | Uint16Array;

/** What is read back. */
export type Numbers = Float32Array | Int32Array;

/**
 * Elements that are computed from their index alone, and so need not exist before they are on a device: element i is `scale · b`,
 * b the signed top byte of a hash of i and the seed (src/checkpoint/procedural.ts).
 */
export interface Drawn {
  readonly length: number;
  readonly seed: number;
  /** A power of two. */
  readonly scale: number;
  readonly bfloat16: boolean;
  /** The elements, for drivers that do not draw. */
  onHost(): HostData;
}

/** Elements in float16, for drivers that keep them so. */
export interface Float16Bits {
  readonly length: number;
  readonly float16: Uint16Array;
  /** The elements, for drivers that do not. */
  onHost(): Float32Array;
}

/** What a tensor may be made of. */
export type Given = HostData | Drawn | Int4Matrix | Float16Bits;

/**
 * A driver allocates, runs, reads and frees; it contains no mathematics. Its methods are called one at a time, in order.
 * A storage is what the driver keeps for one tensor; only the driver looks inside.
 */
export interface Driver {
  /** The mode that was asked for, such as `webasm`. */
  readonly name: string;
  /** What really runs, for people: `GPU.js webasm, 2 threads`. */
  readonly description: string;
  /** Keeps weights in bfloat16 that are given so; others widen them. */
  readonly bfloat16?: boolean;
  /** Bytes of an element of what is stored, where that is smaller than float32. */
  weightBytes?(storage: unknown): number | undefined;
  /** `load` gives the elements; a driver without data never calls it. */
  upload(load: () => HostData | Promise<HostData>, shape: readonly number[]): unknown | Promise<unknown>;
  /** Makes elements where they are wanted; drivers that have no such thing are given them. */
  draw?(drawn: Drawn, shape: readonly number[]): unknown | Promise<unknown>;
  /** Keeps a matrix in 4 bits or float16; drivers that have no such thing are given its elements. */
  pack?(matrix: Int4Matrix | Float16Bits, shape: readonly number[]): unknown | Promise<unknown>;
  run(
    op: Computation,
    inputs: readonly (unknown | undefined)[],
    sizes: Sizes,
    shape: readonly number[],
    onKernel?: OnKernel,
  ): unknown | Promise<unknown>;
  /** As float32, or where the tensor is of int32 as such: not every whole number is a float32. */
  read(storage: unknown, shape: readonly number[], dtype: 'float32' | 'int32'): Numbers | Promise<Numbers>;
  free(storage: unknown): void;
  /**
   * Runs what `run` has only recorded, where a driver does so; the queue calls it when it has nothing else to do. What fails in it
   * is thrown by the next `run` or `read`.
   */
  flush?(): void;
  /** Resolves when all that was launched has run, or failed, where launches return before: what failed is thrown by the next `run` or `read`. */
  finish?(): Promise<void>;
  /** Bytes of the largest tensor the device has room for, where there is such a bound. */
  readonly largest?: number | undefined;
  close(): void | Promise<void>;
}

/** One operation that was launched: what it is, where in the model, what it needs and, once it has run, how long it took. */
export interface Launch {
  readonly op: string;
  readonly signature: Signature;
  /** Every letter of the signature, and the attributes. */
  readonly sizes: Sizes;
  /** The path of the block it belongs to, such as `transformer.h.3`. */
  readonly path: string;
  /** Of each input, in the order of the signature; an optional one that was left out is undefined. */
  readonly inputs: readonly (readonly number[] | undefined)[];
  readonly shape: readonly number[];
  /** Floating-point operations the algorithm needs. */
  readonly operations: number;
  /** Bytes that must move once; known when it has run where weights may be kept smaller. */
  bytes: number;
  /** When the program asked for it, by `performance.now()`, and how long it took to check, to price and to queue it. */
  readonly asked: number;
  launching: number | undefined;
  /** When it began to run, and how long that took: to record it alone, on a driver that does so and where `kernels` is not wanted. */
  start: number | undefined;
  milliseconds: number | undefined;
  /** The kernels that it ran, if `onLaunch` puts an empty list here. */
  kernels: { readonly name: string; readonly start: number; readonly milliseconds: number }[] | undefined;
}

/** Data on its way to a device or back. */
export interface Transfer {
  readonly kind: 'upload' | 'read';
  /** Of the tensor. */
  readonly label: string;
  readonly bytes: number;
  readonly start: number;
  readonly milliseconds: number;
  /** How much of that it took to get the data in the first place, such as from a file. */
  readonly loading: number;
}

/** What gives a tensor its elements, when the queue gets there. */
export type Load = () => Given | Promise<Given>;

/** Where a tensor's data is: still coming, there, or never to come; `absent` waits for a block that needs it. */
export type Slot =
  | { state: 'absent'; load: Load }
  | { state: 'pending' }
  | { state: 'ready'; storage: unknown }
  | { state: 'failed'; error: unknown }
  | { state: 'freed' };

/**
 * An immutable, contiguous, row-major array on a device. The shape is known at once; the data may still be on its way.
 * A weight keeps its file's dtype on disk; here everything is float32, or int32 for what counts and points.
 */
export interface Tensor {
  readonly device: Device;
  readonly shape: readonly number[];
  readonly dtype: 'float32' | 'int32';
  /** Who made it: an operation, or a weight's name. Errors say it. */
  readonly label: string;
  /** What counts and points, as long as the host has it: the numbers of an int32 tensor that came as such. Costs depend on them. */
  readonly known: Int32Array | undefined;
  /** For the engine alone: operations and drivers go through `launch`, `read` and `free`. */
  readonly internal: {
    slot: Slot;
    freedBy: string | undefined;
    /** Who takes it over when its scope ends, instead of its being freed: a tape that needs it on the way back. */
    heir: Set<Tensor> | undefined;
  };
}

/** A driver with its queue, the tensors alive on it, and who watches what it does. */
export interface Device {
  readonly name: string;
  readonly description: string;
  readonly driver: Driver;
  readonly queue: Queue;
  /** Every tensor that has not been freed. */
  readonly live: ReadonlySet<Tensor>;
  readonly memory: { bytes: number; peakBytes: number };
  /** Called at every launch, with what it will make and of what; when it has run, its times are filled in. */
  onLaunch: ((launch: Launch, output: Tensor, inputs: readonly (Tensor | undefined)[]) => void) | undefined;
  /** Called after every upload and read. */
  onTransfer: ((transfer: Transfer) => void) | undefined;
  /** Nothing can be made, launched or read any more. */
  closed: boolean;
}

export function createDevice(driver: Driver): Device {
  return {
    name: driver.name,
    description: driver.description,
    driver,
    queue: createQueue(() => driver.flush?.()),
    live: new Set(),
    memory: { bytes: 0, peakBytes: 0 },
    onLaunch: undefined,
    onTransfer: undefined,
    closed: false,
  };
}

/** Resolves when a device has done everything that it was given so far; rejects when that is given up. */
export async function finished({ queue, driver }: Device): Promise<void> {
  await queue.reached();
  await driver.finish?.();
}

/**
 * Gives up what has not started, waits for what has, and releases everything the driver holds. A caller that waits for a
 * result gets a DeviceError, now or at the next launch.
 */
export async function closeDevice(device: Device): Promise<void> {
  if (device.closed) return;
  device.closed = true;
  device.queue.cancel(new DeviceError(`${device.name}: the device was closed`));
  await device.queue.idle();
  await device.driver.close();
}
