import { DeviceError } from '../../../tensor/error.ts';
import { work } from './worker.ts';

/** Threads that share the units of a kernel. */
export interface Team {
  readonly threads: number;
  /**
   * Runs an exported kernel over the units from 0 to `units`: its last two parameters are the range it is to compute. Which
   * thread computes which units changes from run to run; what is computed does not.
   *
   * @param parallel whether waking the other threads pays
   *
   * @throws DeviceError when a worker failed
   */
  run(kernel: string, given: readonly number[], units: number, parallel: boolean): void;
  close(): Promise<void>;
}

/** Words of the memory that all threads share to talk to each other. */
export const CONTROL = {
  /** The number of the run that is under way, 0 between runs, −1 when all is over. */
  run: 0,
  /** How many workers are inside a run. */
  inside: 1,
  /** The next unit that nobody has taken. */
  next: 2,
  units: 3,
  /** How many units are taken at once. */
  share: 4,
  kernel: 5,
  /** Set by a worker that failed. */
  failed: 6,
  /** How many arguments there are. */
  count: 7,
} as const;

/** Behind the words stand the kernel's arguments, as float64. */
const WORDS = 8;
const MOST_ARGUMENTS = 24;
/** Each thread takes its units in about so many portions, so that one that is held up does not hold up the others. */
const PORTIONS = 8;
/** Portions begin at multiples of it where units are many: they may be single elements of vectors. */
const ALIGNED = 16;
/** A portion of a kernel takes far less: a worker that has been inside a run for so long without a sign is lost. */
const LOST_MILLISECONDS = 10_000;

type Exports = Readonly<Record<string, (...given: number[]) => void>>;

/**
 * Starts a team. Without a memory that can be shared, or with one thread, everything runs in the calling thread.
 *
 * @param module whose exports are kernels
 * @param names the exports, by number
 * @param options.start starts a worker; it calls `lost` when the worker has ended by itself
 */
export async function createTeam(
  module: WebAssembly.Module,
  memory: WebAssembly.Memory,
  names: readonly string[],
  threads: number,
  { start = startWorker, patience = LOST_MILLISECONDS }: TeamOptions = {},
): Promise<Team> {
  const exports = new WebAssembly.Instance(module, { environment: { memory } }).exports as Exports;
  const alone = (kernel: string, given: readonly number[], units: number) => exports[kernel](...given, 0, units);
  if (threads === 1) return { threads, run: alone, close: async () => undefined };

  const buffer = new SharedArrayBuffer(4 * WORDS + 8 * MOST_ARGUMENTS);
  const control = new Int32Array(buffer, 0, WORDS);
  const values = new Float64Array(buffer, 4 * WORDS);
  const setup = { module, memory, names, control, values, words: CONTROL };
  let alive = true;
  const lost = () => {
    alive = false;
  };
  const workers = await Promise.all(Array.from({ length: threads - 1 }, () => start(setup, lost)));
  let runs = 0;

  /** Waits until no worker is inside the run. */
  function settle(): void {
    let last = -1;
    let since = performance.now();
    for (;;) {
      const inside = Atomics.load(control, CONTROL.inside);
      if (inside === 0) return;
      const next = Atomics.load(control, CONTROL.next);
      if (next !== last) [last, since] = [next, performance.now()];
      if (performance.now() - since > patience) {
        alive = false;
        throw lostWorker();
      }
      if (CAN_WAIT) Atomics.wait(control, CONTROL.inside, inside, 100);
    }
  }

  return {
    threads,
    run(kernel, given, units, parallel) {
      if (!alive) throw lostWorker();
      if (units < 2 || !parallel) return alone(kernel, given, units);
      const share = Math.max(
        1,
        Math.floor(units / (threads * PORTIONS) / ALIGNED) * ALIGNED || Math.ceil(units / (threads * PORTIONS)),
      );
      control[CONTROL.kernel] = names.indexOf(kernel);
      control[CONTROL.units] = units;
      control[CONTROL.share] = share;
      control[CONTROL.next] = 0;
      control[CONTROL.count] = given.length;
      values.set(given);
      runs = (runs % 0x7ffffffe) + 1;
      Atomics.store(control, CONTROL.run, runs);
      Atomics.notify(control, CONTROL.run);
      try {
        for (let at = Atomics.add(control, CONTROL.next, share); at < units; ) {
          exports[kernel](...given, at, Math.min(at + share, units));
          at = Atomics.add(control, CONTROL.next, share);
        }
      } finally {
        Atomics.store(control, CONTROL.run, 0);
        settle();
      }
      if (Atomics.load(control, CONTROL.failed) !== 0) {
        throw new DeviceError(`simd: a worker failed in ${kernel}; please report it with the output of --debug`);
      }
    },
    async close() {
      alive = false; // from now on workers end as they should
      Atomics.store(control, CONTROL.run, -1);
      Atomics.notify(control, CONTROL.run);
      await Promise.all(workers.map((worker) => worker.terminate()));
    },
  };
}

/** A worker takes no part any more, and what it was computing is missing. */
const lostWorker = () =>
  new DeviceError('simd: a worker was lost; open the device again, with one thread if it repeats');

type StartWorker = (setup: Setup, lost: () => void) => Promise<StartedWorker>;
export interface TeamOptions {
  readonly start?: StartWorker;
  /** In milliseconds. */
  readonly patience?: number;
}

interface StartedWorker {
  terminate(): unknown;
}

/** What a worker is given to begin with. */
export interface Setup {
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  readonly names: readonly string[];
  readonly control: Int32Array;
  readonly values: Float64Array;
  readonly words: typeof CONTROL;
}

/** The main thread of a page may not wait; it spins. */
const CAN_WAIT = typeof window === 'undefined';

/** A worker is made of its function's text, so that it needs no file of its own in a page and no loader in Node. */
async function startWorker(setup: Setup, lost: () => void): Promise<StartedWorker> {
  // The TypeScript loader wraps inner functions in a call of __name.
  const text = `const __name = (value) => value; const work = ${work};`;
  if (typeof window === 'undefined') {
    const { Worker } = await import('node:worker_threads');
    const worker = new Worker(`${text} work(require('node:worker_threads').workerData);`, {
      eval: true,
      workerData: setup,
    });
    worker.on('error', lost).on('exit', lost);
    worker.unref();
    return worker;
  }
  const url = URL.createObjectURL(new Blob([`${text} onmessage = ({ data }) => work(data);`]));
  const worker = new Worker(url);
  worker.onerror = lost;
  worker.postMessage(setup);
  return worker;
}
