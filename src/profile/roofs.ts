import { memoryRoof, multiplyAddRoof } from '../../kernels/roof.ts';
import type { Device } from '../../tensor/device.ts';
import { free, read, type Tensor, tensor } from '../../tensor/tensor.ts';

/** What a device can do at best: the roofs under which every kernel stands. */
export interface Roofs {
  /** What ran, as the device describes itself: its instruction set and its threads. */
  readonly device: string;
  /** Multiply-adds from register to register, in GFLOP/s. */
  readonly multiplyAdd: number;
  /** Reading so many bytes a thread over and over, in GB/s: the caches, from the fastest to memory. */
  readonly sweeps: readonly { readonly bytes: number; readonly rate: number }[];
  /** The rate of the largest sweep, which no cache should hold, in GB/s. */
  readonly memory: number;
  /** A launch that computes next to nothing, with the read of its result, in milliseconds. */
  readonly launch: number;
}

/** From the first-level cache to memory. */
const SWEEP_BYTES = [14, 17, 19, 21, 23, 25, 28].map((power) => 2 ** power);
/** Elements of the multiply-add loop: enough for every thread of a small GPU. */
const SIDE = 64;
const OPERATIONS_A_TURN = 24 * SIDE * SIDE;
/** A run of this length is not disturbed by its own launch. */
const LEAST_MILLISECONDS = 40;
/** GPU.js cuts longer loops. */
const MOST_COLUMNS = 2 ** 20;
const MOST_TURNS = 2 ** 20;
const RUNS = 5;

/**
 * Measures a device's roofs, each as the best of some runs: a roof is what is never exceeded. Takes some seconds, and 256 MB a
 * thread.
 *
 * @param threads how many rows are swept side by side, one by each thread
 */
export async function measureRoofs(device: Device, threads: number): Promise<Roofs> {
  const x = tensor(device, new Float32Array(SIDE * SIDE), [SIDE, SIDE], { label: 'roof' });
  try {
    const chains = (turns: number) => seconds(() => multiplyAddRoof(x, turns));
    const turns = await longEnough(chains);
    const [loop, launch] = [await least(() => chains(turns), RUNS), await least(() => chains(0), 4 * RUNS)];
    const sweeps = [];
    for (const bytes of SWEEP_BYTES) sweeps.push({ bytes, rate: await sweep(device, bytes, threads) });
    return {
      device: device.description,
      multiplyAdd: (OPERATIONS_A_TURN * turns) / loop / 1e9,
      sweeps,
      memory: sweeps.at(-1)!.rate,
      launch: launch * 1000,
    };
  } finally {
    free(x);
  }
}

/** GB/s of reading `bytes` a thread. */
async function sweep(device: Device, bytes: number, threads: number): Promise<number> {
  // Numbers, not zeros: pages that were never written are one page, and a cache would hold it.
  const data = new Float32Array((threads * bytes) / 4).fill(1);
  const columns = Math.min(bytes / 4, MOST_COLUMNS);
  const rows = bytes / 4 / columns; // of each thread
  const x = tensor(device, data, [threads * rows, columns], { label: 'sweep' });
  try {
    const read = (turns: number) => seconds(() => memoryRoof(x, rows, turns));
    const turns = await longEnough(read);
    return (threads * bytes * turns) / (await least(() => read(turns), RUNS)) / 1e9;
  } finally {
    free(x);
  }
}

/** Runs work until its result is on the host. */
async function seconds(work: () => Tensor): Promise<number> {
  const start = performance.now();
  const result = work();
  const done = read(result);
  free(result);
  await done;
  return (performance.now() - start) / 1000;
}

/** Doubles the turns until a run takes long enough; meanwhile engines compile what is called often. */
async function longEnough(run: (turns: number) => Promise<number>): Promise<number> {
  let turns = 1;
  while (turns < MOST_TURNS && (await run(turns)) * 1000 < LEAST_MILLISECONDS) turns *= 2;
  return turns;
}

async function least(run: () => Promise<number>, runs: number): Promise<number> {
  let best = Number.POSITIVE_INFINITY;
  for (let i = 0; i < runs; i++) best = Math.min(best, await run());
  return best;
}
