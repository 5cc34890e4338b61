import type { OnKernel } from '../device.ts';
import type { Func, Parameters } from '../wasm/code.ts';
import { createHeap, type Heap } from './heap.ts';
import type { Arguments } from './kernels.ts';
import { createTeam } from './team.ts';

/** What a recipe works with. */
export interface Host {
  /** For what outlives the operation. */
  readonly heap: Pick<Heap, 'allocate' | 'free'>;
  /** The operation that is running. */
  readonly op: string;
  /**
   * Runs a kernel over `units` units, on all threads if that pays. It is recorded: it runs when its results are wanted, or the
   * list is full, or another thread has nothing else to do.
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
  /** So many bytes until the operation ends. */
  temporary(bytes: number): number;
}

/**
 * A memory with the threads that work in it. A 32-bit memory ends at 4 GiB, and an instance of a module sees one memory: a model
 * that is larger lies in several banks, each with threads of its own, which sleep while others work.
 */
export interface Bank {
  readonly host: Host;
  readonly heap: Heap;
  /** Elements in the memory, after all that was recorded has run. The view is good until something is allocated. */
  floats(at: number, count: number): Float32Array;
  integers(at: number, count: number): Int32Array;
  bytes(at: number, count: number): Uint8Array;
  /** Records one operation: what it took temporarily is given back. Kernels that `listener` hears run one by one. */
  during<Result>(op: string, listener: OnKernel | undefined, work: (host: Host) => Result): Result;
  /** Runs all that was recorded. @throws DeviceError when it failed, now and from then on */
  flush(): void;
  close(): Promise<void>;
}

/**
 * @param module whose exports are kernels
 * @param mostPages of 64 KiB
 */
export async function createBank(
  module: WebAssembly.Module,
  { threads, shared, mostPages }: { threads: number; shared: boolean; mostPages: number },
): Promise<Bank> {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: mostPages, shared });
  const heap = createHeap(memory, mostPages);
  const team = await createTeam(module, memory, threads);
  // One host serves all operations, one at a time: made anew for each, it would cost more than a small kernel.
  const temporaries: number[] = [];
  let op = '';
  let listener: OnKernel | undefined;
  const host: Host = {
    heap,
    get op() {
      return op;
    },
    run(kernel, given, units, operations = units) {
      const { names } = kernel;
      const places = given as Arguments<Parameters>;
      const values: number[] = [];
      for (let i = 0; i < names.length - 2; i++) values.push(places[names[i]]); // but the range
      if (listener) team.flush();
      const start = listener && performance.now();
      team.run(kernel.name, values, units, operations, op);
      if (start === undefined) return;
      team.flush();
      listener?.(kernel.name, start, performance.now() - start);
    },
    temporary(bytes) {
      const offset = heap.allocate(bytes);
      temporaries.push(offset);
      return offset;
    },
  };
  function settled(): ArrayBuffer {
    team.flush();
    return memory.buffer;
  }
  return {
    host,
    heap,
    floats: (at, count) => new Float32Array(settled(), at, count),
    integers: (at, count) => new Int32Array(settled(), at, count),
    bytes: (at, count) => new Uint8Array(settled(), at, count),
    during(name, heard, work) {
      [op, listener] = [name, heard];
      try {
        return work(host);
      } finally {
        for (const offset of temporaries) heap.free(offset);
        temporaries.length = 0;
        listener = undefined;
      }
    },
    flush: () => team.flush(),
    close: () => team.close(),
  };
}
