import type { Driver, HostData, OnKernel } from '../../../tensor/device.ts';
import { widenBfloat16 } from '../../../tensor/dtype.ts';
import { DeviceError } from '../../../tensor/error.ts';
import type { Op } from '../../../tensor/op.ts';
import type { Sizes } from '../../../tensor/signature.ts';
import { elements } from '../../../tensor/tensor.ts';
import { compileKernels, inOrder, KERNELS } from '../kernels.ts';
import type { Func, Parameters } from '../wasm/code.ts';
import { features } from '../wasm/features.ts';
import { createHeap, type Heap } from './heap.ts';
import { createTeam } from './team.ts';
import { TAKE_BFLOAT16, TWINS } from './twins.ts';
import { type MatrixLayout, widen } from './weights.ts';

/** Where a tensor's elements lie. */
export interface Stored {
  at: number;
  readonly shape: readonly number[];
  readonly type: 'float32' | 'int32' | 'bfloat16';
  /** How a weight was laid out before it was packed into panels, where it lies now. */
  packed: MatrixLayout | undefined;
  /** Packed copies of parts of a weight that stays as it is. */
  readonly parts: Map<string, number>;
}

/** A memory ends at 4 GiB: what weights leave of it is for activations and for packing. */
const MOST_WEIGHTS = 3 * 2 ** 30;

/** Waking another thread takes as long as about so many operations. */
const WORTH_THREADS = 2_000_000;

/** What a twin works with. */
export interface Host {
  readonly heap: Heap;
  /**
   * Runs a kernel over `units` units, on all threads if that pays.
   *
   * @param given all its parameters but the last two, `start` and `end`
   * @param operations about how much there is to do, by default one operation a unit
   */
  run<P extends Parameters>(
    kernel: Func<P>,
    given: Readonly<Record<Exclude<keyof P, 'start' | 'end'>, number>>,
    units: number,
    operations?: number,
  ): void;
  /** So many bytes until they are released, or the operation ends. */
  temporary(bytes: number): number;
  release(offset: number): void;
  /** Elements in the memory. The view is good until something is allocated. */
  floats(at: number, count: number): Float32Array;
  integers(at: number, count: number): Int32Array;
}

/** An operation on the `simd` device: writes the output, of which the place is given. */
export type Twin = (host: Host, inputs: readonly Stored[], sizes: Sizes, output: Stored) => void;

/** Where threads share memory: in Node, and in pages that are isolated from other origins. */
const canShare = (): boolean =>
  typeof SharedArrayBuffer !== 'undefined' &&
  (globalThis as { crossOriginIsolated?: boolean }).crossOriginIsolated !== false;

/**
 * WebAssembly kernels with SIMD over one memory, on several threads where it can be shared. Results are the same bytes for any
 * number of threads.
 *
 * @throws DeviceError where WebAssembly has no SIMD
 */
export async function simd(wantedThreads: number): Promise<Driver> {
  const shared = canShare();
  const threads = shared ? wantedThreads : 1;
  const { simd: supported, relaxed } = features();
  if (!supported) throw new DeviceError('simd: this JavaScript engine has no WebAssembly SIMD; choose another device');
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 65_536, shared });
  const heap = createHeap(memory);
  const team = await createTeam(
    compileKernels(shared, relaxed),
    memory,
    KERNELS.map(({ name }) => name),
    threads,
  );

  const allocate = (shape: readonly number[], type: Stored['type']): Stored => ({
    at: heap.allocate(elements(shape) * (type === 'bfloat16' ? 2 : 4)),
    shape,
    type,
    packed: undefined,
    parts: new Map(),
  });

  function release({ at, parts }: Stored): void {
    for (const offset of [at, ...parts.values()]) heap.free(offset);
  }

  // One host serves all operations, one at a time: made anew for each, it would cost more than a small kernel.
  const temporaries = new Set<number>();
  let listener: OnKernel | undefined;
  const host: Host = {
    heap,
    run(kernel, given, units, operations = units) {
      const values = inOrder(kernel, { ...given, start: 0, end: 0 } as never).slice(0, -2);
      const start = listener && performance.now();
      team.run(kernel.name, values, units, operations >= WORTH_THREADS);
      if (start !== undefined) listener?.(kernel.name, start, performance.now() - start);
    },
    temporary(bytes) {
      const offset = heap.allocate(bytes);
      temporaries.add(offset);
      return offset;
    },
    release(offset) {
      temporaries.delete(offset);
      heap.free(offset);
    },
    floats: (at, count) => new Float32Array(memory.buffer, at, count),
    integers: (at, count) => new Int32Array(memory.buffer, at, count),
  };

  return {
    name: 'simd',
    description: `WebAssembly SIMD${relaxed ? ' with fused multiply-add' : ''}, ${threads} thread${threads === 1 ? '' : 's'}${shared ? '' : ' (memory cannot be shared here)'}`,
    bfloat16: true,
    isBfloat16: (storage) => (storage as Stored).type === 'bfloat16',
    mostWeights: MOST_WEIGHTS,
    async upload(load, shape) {
      const given = await load();
      // Biases and the weights of norms are small, and added to float32.
      const data = given instanceof Uint16Array && shape.length === 1 ? widenBfloat16(given) : given;
      const stored = allocate(shape, typeOf(data));
      write(memory, stored.at, data);
      return stored;
    },
    run(op: Op, inputs, sizes, shape, onKernel) {
      const given = inputs as readonly Stored[];
      const output = allocate(shape, op.signature.output.dtype);
      try {
        const wide = TAKE_BFLOAT16.has(op.name) ? given : given.map((input) => input && widened(host, input));
        const twin = Object.hasOwn(TWINS, op.name) ? TWINS[op.name] : undefined;
        if (!twin) throw new DeviceError(`simd: there is no kernel for ${op.name}; choose another device`);
        listener = onKernel;
        twin(host, wide, sizes, output);
        return output;
      } catch (error) {
        release(output);
        throw error;
      } finally {
        for (const offset of temporaries) heap.free(offset);
        temporaries.clear();
      }
    },
    read(storage, shape) {
      const { at, type, packed } = storage as Stored;
      if (packed || type === 'bfloat16')
        throw new DeviceError('simd: weights cannot be read back; read them from their file');
      const count = elements(shape);
      if (type === 'int32') return Float32Array.from(new Int32Array(memory.buffer, at, count));
      return new Float32Array(memory.buffer, at, count).slice();
    },
    free: (storage) => release(storage as Stored),
    close: () => team.close(),
  };
}

/** A tensor in float32, until the operation ends. */
function widened(host: Host, stored: Stored): Stored {
  if (stored.type !== 'bfloat16') return stored;
  const count = elements(stored.shape);
  const at = host.temporary(4 * count);
  widen(new Uint16Array(host.heap.memory.buffer, stored.at, count), host.integers(at, count));
  return { ...stored, at, type: 'float32' };
}

const typeOf = (data: HostData): Stored['type'] =>
  data instanceof Int32Array ? 'int32' : data instanceof Uint16Array ? 'bfloat16' : 'float32';

function write(memory: WebAssembly.Memory, at: number, data: HostData): void {
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  new Uint8Array(memory.buffer, at, data.byteLength).set(bytes);
}
