import { openDevice } from '../../src/open-device.ts';
import { memoryRoof, multiplyAddRoof } from '../../src/profile/roof-kernels.ts';
import { closeDevice, type Device } from '../../tensor/device.ts';
import { free, type Tensor, tensor } from '../../tensor/tensor.ts';
import { features } from '../../tensor/wasm/features.ts';
import { settled } from '../bench.ts';
import { timed } from '../measure.ts';
import { withFused } from './multiply-add.ts';
import type { Instructions, Rung } from './rung.ts';

type Threads = Rung['threads'];

/** What this machine can do at best, measured when it is asked for: on a shared machine only neighbours in time compare. */
export interface Roofs {
  /** The best instructions of the engine. */
  readonly best: Instructions;
  /** Multiply-adds from register to register, in GFLOP/s. */
  multiplyAdd(instructions: Instructions, threads: Threads): Promise<number>;
  /** A sweep through memory, in GB/s. Nothing that was cached before is cached afterwards. */
  memory(threads: Threads): Promise<number>;
  close(): Promise<void>;
}

/** Whether multiply-adds are one instruction here, if they are allowed to be. */
export const canFuse = (): Promise<boolean> => withFused(true, () => features().relaxed);

/** More than caches hold. */
const SWEEP_BYTES = 2 ** 29;
const RUNS = 3;

export async function openRoofs(threads: number, sweepBytes = SWEEP_BYTES): Promise<Roofs> {
  const open = (fused: boolean, count: number) =>
    withFused(fused, async () => (await openDevice('simd', count)).device);
  const best = (await canFuse()) ? 'fused' : 'simd';
  const devices = {
    simd: { one: await open(false, 1), all: await open(false, threads) },
    fused: { one: await open(true, 1), all: await open(true, threads) },
  };
  const sweeps = { one: sweepOn(devices.simd.one, 1, sweepBytes), all: sweepOn(devices.simd.all, threads, sweepBytes) };
  return {
    best,
    multiplyAdd: (instructions, count) =>
      instructions === 'scalar' ? fastest(scalar) : fastest(() => chains(devices[instructions][count])),
    memory: (count) => sweeps[count](),
    async close() {
      for (const { one, all } of Object.values(devices)) for (const device of [one, all]) await closeDevice(device);
    },
  };
}

/** The highest of some rates: a roof is what is never exceeded. */
async function fastest(rate: () => number | Promise<number>): Promise<number> {
  let best = 0;
  for (let i = 0; i < RUNS; i++) best = Math.max(best, await rate());
  return best;
}

async function secondsOn(device: Device, work: () => Tensor): Promise<number> {
  const milliseconds = await timed(async () => {
    free(work());
    await settled(device);
  });
  return milliseconds / 1000;
}

const SIDE = 64;
const TURNS = 5000;

async function chains(device: Device): Promise<number> {
  const x = tensor(device, new Float32Array(SIDE * SIDE), [SIDE, SIDE]);
  const rate = (24 * SIDE * SIDE * TURNS) / (await secondsOn(device, () => multiplyAddRoof(x, TURNS))) / 1e9;
  free(x);
  return rate;
}

/** Portions of the sweep for each thread, so that all end at about the same time. */
const PORTIONS = 8;

function sweepOn(device: Device, threads: number, bytes: number): () => Promise<number> {
  const rows = threads * PORTIONS;
  const columns = Math.floor(bytes / 4 / rows);
  // Numbers, not zeros: pages that were never written are one page, and a cache would hold it.
  const x = tensor(device, new Float32Array(rows * columns).fill(1), [rows, columns]);
  return async () => (4 * rows * columns) / (await secondsOn(device, () => memoryRoof(x, 1, 1))) / 1e9;
}

const SCALAR_TURNS = 3_000_000;
let sink = 0;

/** Multiply-adds in plain JavaScript: twelve sums side by side. */
function scalar(): number {
  const start = performance.now();
  let [a, b, c, d, e, f] = [sink, sink, sink, sink, sink, sink];
  let [g, h, i, j, k, l] = [sink, sink, sink, sink, sink, sink];
  for (let turn = 0; turn < SCALAR_TURNS; turn++) {
    a = a * 0.5 + 1;
    b = b * 0.5 + 1;
    c = c * 0.5 + 1;
    d = d * 0.5 + 1;
    e = e * 0.5 + 1;
    f = f * 0.5 + 1;
    g = g * 0.5 + 1;
    h = h * 0.5 + 1;
    i = i * 0.5 + 1;
    j = j * 0.5 + 1;
    k = k * 0.5 + 1;
    l = l * 0.5 + 1;
  }
  sink = a + b + c + d + e + f + g + h + i + j + k + l - 24;
  return (24 * SCALAR_TURNS) / (performance.now() - start) / 1e6;
}
