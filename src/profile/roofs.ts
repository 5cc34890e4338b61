import type { Device } from '../../tensor/device.ts';
import { free, read, type Tensor, tensor } from '../../tensor/tensor.ts';
import { memoryRoof, memoryRoofAbreast, multiplyAddRoof } from './roof-kernels.ts';

/** What a device can do at best: the roofs under which every kernel stands. */
export interface Roofs {
  /** What ran, as the device describes itself: its instruction set and its threads. */
  readonly device: string;
  /** Multiply-adds from register to register, in GFLOP/s. */
  readonly multiplyAdd: number;
  /** Reading so many bytes over and over, each thread its own part, in GB/s: the caches. Only where threads are the device's own. */
  readonly caches: readonly { readonly bytes: number; readonly rate: number }[];
  /** Reading more than most caches hold, in GB/s. */
  readonly memory: number;
  /** A launch that computes next to nothing, with the read of its result, in milliseconds. */
  readonly launch: number;
  /** The share of the processors that other programs took meanwhile, where that is known: they lower a roof. */
  readonly others?: number;
}

/** What others may take without lowering a roof by more than a measurement's own spread. */
const MOST_OTHERS = 0.1;

/** Whether roofs are known to be too low, as other programs ran while they were measured. */
export const areLow = ({ others = 0 }: Roofs): boolean => others > MOST_OTHERS;

/** From the first-level cache to the last. */
const CACHE_BYTES = [14, 17, 19, 21, 23, 25].map((power) => 2 ** power);
/** More than most caches hold, and with GPU.js as much as its indices reach. */
const MEMORY_BYTES = { simd: 2 ** 29, 'GPU.js': 2 ** 26 };
/** GPU.js has a thread for every row, not for every core. */
const GPU_JS_ROWS = 4096;
/** Of its column a thread of a GPU reads so many rows a turn: there are a million threads. */
const ROWS_ABREAST = 16;
/** So many parts of rows farther on in the next turn: the golden section of them all, so that parts read lately are far away. */
const STRIDE_ABREAST = Math.round((0.618 * GPU_JS_ROWS) / ROWS_ABREAST);
/** Of the multiply-add loop: as many elements as a large GPU has threads. On an H100 128 × 128 made the roof 0.41 times as high. */
const SIDE = 512;
const OPERATIONS_A_TURN = 24 * SIDE * SIDE;
/** A run of this length is not disturbed by its own launch. */
const LEAST_MILLISECONDS = 40;
/** GPU.js cuts longer loops. */
const MOST_COLUMNS = 2 ** 20;
const MOST_TURNS = 2 ** 20;
const RUNS = 5;

export interface RoofMeasuring {
  /** Of which the fastest counts. */
  readonly runs?: number;
  /** Of memory that is read, at most: what stays in a cache is no memory. */
  readonly mostBytes?: number;
}

/**
 * Measures a device's roofs, each as the best of some runs: a roof is what is never exceeded. Takes some seconds,
 * and up to 512 MB twice.
 *
 * @param threads how many threads the device has
 */
export async function measureRoofs(
  device: Device,
  threads: number,
  { runs = RUNS, mostBytes = Number.POSITIVE_INFINITY }: RoofMeasuring = {},
): Promise<Roofs> {
  const x = tensor(device, new Float32Array(SIDE * SIDE), [SIDE, SIDE], { label: 'roof' });
  const row = tensor(device, new Float32Array(SIDE), [1, SIDE], { label: 'launch' });
  try {
    const chains = (turns: number) => seconds(() => multiplyAddRoof(x, turns));
    const turns = await longEnough(chains);
    const early = await least(() => chains(turns), runs);
    const launch = await least(() => seconds(() => multiplyAddRoof(row, 0)), 4 * runs);
    const own = device.name === 'simd';
    const caches = [];
    for (const part of own ? CACHE_BYTES : []) {
      const bytes = threads * part;
      caches.push({ bytes, rate: await sweep(device, bytes, { parts: threads, how: 'again', runs }) });
    }
    const bytes = Math.min(mostBytes, MEMORY_BYTES[own ? 'simd' : 'GPU.js']);
    let memory = await sweep(device, bytes, { parts: own ? threads : GPU_JS_ROWS, how: 'anew', runs });
    // Which way is faster depends on what GPU.js runs on: on an H100 this one, eleven times; on a CPU the other, nearly twice.
    if (!own) memory = Math.max(memory, await sweep(device, bytes, { parts: GPU_JS_ROWS, how: 'abreast', runs }));
    // Some seconds later again: a virtual machine may lack a processor for half a second, and the roof would be half as high.
    const loop = Math.min(early, await least(() => chains(turns), runs));
    return {
      device: device.description,
      multiplyAdd: (OPERATIONS_A_TURN * turns) / loop / 1e9,
      caches,
      memory,
      launch: launch * 1000,
    };
  } finally {
    free(x);
    free(row);
  }
}

/** How memory is read. */
interface Sweep {
  /** How many are read side by side. */
  readonly parts: number;
  /** Each part over and over, from a cache; or everything once a launch, from memory; or everything once a turn, in columns. */
  readonly how: 'again' | 'anew' | 'abreast';
  readonly runs: number;
}

/** GB/s of reading `bytes`. */
async function sweep(device: Device, bytes: number, { parts, how, runs }: Sweep): Promise<number> {
  const columns = Math.min(bytes / 4 / parts, MOST_COLUMNS);
  const rows = bytes / 4 / columns;
  // Numbers, not zeros: pages that were never written are one page, and a cache would hold it.
  const x = tensor(device, new Float32Array(bytes / 4).fill(1), [rows, columns], { label: 'sweep' });
  try {
    const read = {
      again: (turns: number) => seconds(() => memoryRoof(x, rows / parts, turns)),
      anew: (turns: number) => seconds(() => memoryRoof(x, rows / parts, 1), turns),
      abreast: (turns: number) => seconds(() => memoryRoofAbreast(x, ROWS_ABREAST, turns, STRIDE_ABREAST)),
    }[how];
    const turns = await longEnough(read);
    return (bytes * turns) / (await least(() => read(turns), runs)) / 1e9;
  } finally {
    free(x);
  }
}

/** Launches work so many times, and waits for the last result to be on the host. */
async function seconds(work: () => Tensor, launches = 1): Promise<number> {
  const start = performance.now();
  for (let i = 1; i < launches; i++) free(work());
  const result = work();
  const done = read(result);
  free(result);
  await done;
  return (performance.now() - start) / 1000;
}

/** Doubles the turns until the faster of two runs takes long enough: engines compile at the first call, and again what is called often. */
async function longEnough(run: (turns: number) => Promise<number>): Promise<number> {
  let turns = 1;
  while (turns < MOST_TURNS && (await least(() => run(turns), 2)) * 1000 < LEAST_MILLISECONDS) turns *= 2;
  return turns;
}

async function least(run: () => Promise<number>, runs: number): Promise<number> {
  let best = Number.POSITIVE_INFINITY;
  for (let i = 0; i < runs; i++) best = Math.min(best, await run());
  return best;
}
