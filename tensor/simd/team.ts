import { DeviceError } from '../error.ts';
import { createList, LAYOUT, type Shared, walker } from './commands.ts';
import { type StartedWorker, startWorker } from './worker.ts';

/** Threads that work through a list of commands. */
export interface Team {
  readonly threads: number;
  /**
   * Records a command: an exported kernel over the units from 0 to `units`; its last two parameters are the range it is to compute.
   * Commands run in their order, and at some time before `flush` returns. Which thread computes which units changes from run to
   * run; what is computed does not.
   *
   * @param operations about how much there is to do
   * @param what it is for: errors say it
   * @throws RangeError when the module has no such kernel
   * @throws DeviceError when this or an earlier command failed, or a worker was lost; from then on always
   */
  run(kernel: string, given: readonly number[], units: number, operations: number, what: string): void;
  /** Works through all that was recorded. @throws DeviceError like `run` */
  flush(): void;
  close(): Promise<void>;
}

/** So many operations take about as long as two threads need to agree on who does what. */
const GRAIN = 100_000;
/** Waking a sleeping thread pays from so many operations on. */
const WORTH_WAKING = 300_000;
/** A list of so many is not made longer: a program must get its turn, for timers and signals. About the tenth part of a second. */
const MOST_OPERATIONS = 2e9;
/** The smallest portion is such a part of what a thread has to do: so long it may wait for the others. */
const SMALLEST_PORTION = 1 / 32;
/** Portions begin at multiples of it where units are many: they may be single elements of vectors. */
const ALIGNED = 16;
/** A thread that does not do so many operations in a tenth of a second, after a second of grace, is lost: a three-hundredth of what is usual. */
const SLOWEST = 1e7;
const GRACE = 10;

export interface TeamOptions {
  readonly start?: (shared: Shared, lost: () => void) => Promise<StartedWorker>;
  /** Tenths of a second without progress in which no thread is lost. */
  readonly grace?: number;
}

/**
 * Starts a team. Without a memory that can be shared, or with one thread, everything runs at once in the calling thread.
 *
 * @param module whose exports are kernels
 * @param options.start starts a worker; it calls `lost` when the worker has ended by itself
 */
export async function createTeam(
  module: WebAssembly.Module,
  memory: WebAssembly.Memory,
  threads: number,
  { start = startWorker, grace = GRACE }: TeamOptions = {},
): Promise<Team> {
  if (threads === 1) return alone(module, memory);
  const names = WebAssembly.Module.exports(module).map(({ name }) => name);
  const shared: Shared = { module, memory, threads, names, ...createList() };
  const { words, values } = shared;
  const numbers = new Map(names.map((name, number) => [name, number]));
  const what: string[] = [];
  const walk = walker(shared, CAN_WAIT);
  let failure: DeviceError | undefined;
  const lost = () => {
    failure ??= lostWorker('between two commands');
  };
  const workers = await Promise.all(Array.from({ length: threads - 1 }, () => start(shared, lost)));
  let [at, first, published, pending] = [0, 0, 0, 0];

  function flush(): void {
    if (failure) throw failure;
    pending = 0;
    let cause: unknown;
    try {
      at = walk(at);
    } catch (error) {
      cause = error;
    }
    const failed = Atomics.load(words, LAYOUT.failed);
    if (failed === 0) return;
    failure = Atomics.load(words, LAYOUT.lost)
      ? lostWorker(`in ${what[failed - 1]}`)
      : new DeviceError(`simd: ${what[failed - 1]} failed in its kernel; please report it with the output of --debug`, {
          cause,
        });
    throw failure;
  }

  /** Makes room: everything runs, and no worker looks at the list any more. */
  function reuse(): void {
    flush();
    first = published;
    Atomics.store(words, LAYOUT.first, first);
    const since = performance.now();
    for (;;) {
      const inside = Atomics.load(words, LAYOUT.inside);
      if (inside === 0) return;
      if (CAN_WAIT) Atomics.wait(words, LAYOUT.inside, inside, 100);
      if (performance.now() - since <= 100 * grace) continue;
      failure = lostWorker('at the end of a list');
      throw failure;
    }
  }

  return {
    threads,
    run(kernel, given, units, operations, name) {
      if (failure) throw failure;
      const number = numbers.get(kernel);
      if (number === undefined) throw unknown(kernel, name);
      if (((published - first) | 0) === LAYOUT.length) reuse();
      const place = published & (LAYOUT.length - 1);
      const command = LAYOUT.commands + place * LAYOUT.stride;
      const least = leastPortion(units, operations, threads);
      const most = Math.max(least, units / (2 * threads));
      what[place] = name;
      words[command + LAYOUT.kernel] = number;
      words[command + LAYOUT.arguments] = given.length;
      words[command + LAYOUT.units] = units;
      words[command + LAYOUT.least] = least;
      words[command + LAYOUT.next] = 0;
      words[command + LAYOUT.done] = 0;
      words[command + LAYOUT.patience] = grace + Math.min(1e9, ((operations / units) * most) / SLOWEST);
      values.set(given, place * LAYOUT.mostArguments);
      published = (published + 1) | 0;
      Atomics.store(words, LAYOUT.published, published);
      pending += operations;
      if (pending >= WORTH_WAKING && Atomics.load(words, LAYOUT.asleep) > 0) Atomics.notify(words, LAYOUT.published);
      if (pending >= MOST_OPERATIONS) flush();
    },
    flush,
    async close() {
      failure ??= new DeviceError('simd: the team was closed');
      await Promise.all(workers.map((worker) => worker.terminate()));
    },
  };
}

function alone(module: WebAssembly.Module, memory: WebAssembly.Memory): Team {
  const { exports } = new WebAssembly.Instance(module, { environment: { memory } });
  return {
    threads: 1,
    run(kernel, given, units, _, name) {
      const compiled = (exports as Exports)[kernel];
      if (!compiled) throw unknown(kernel, name);
      compiled(...given, 0, units);
    },
    flush: () => undefined,
    close: async () => undefined,
  };
}

type Exports = Readonly<Record<string, ((...given: number[]) => void) | undefined>>;

/** How few units a thread takes at once. */
function leastPortion(units: number, operations: number, threads: number): number {
  const portions = Math.min(threads / SMALLEST_PORTION, operations / GRAIN);
  if (portions < 2) return units;
  return Math.floor(units / portions / ALIGNED) * ALIGNED || Math.max(1, Math.floor(units / portions));
}

const unknown = (kernel: string, what: string) => new RangeError(`simd: ${what} runs ${kernel}, which no recipe names`);

/** A worker takes no part any more, and what it was computing is missing. */
const lostWorker = (where: string) =>
  new DeviceError(`simd: a worker was lost ${where}; open the device again, with one thread if it repeats`);

/** The main thread of a page may not wait; it spins. */
const CAN_WAIT = typeof window === 'undefined';
