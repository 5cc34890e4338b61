import { summary, type Timing } from '../measure.ts';
import type { Roofs } from './roofs.ts';
import type { ProductName, Rung } from './rung.ts';
import type { RungProcess, Shape } from './rung-process.ts';

/** What was measured of one rung and one product. */
export interface Measurement {
  /** Rows of x. */
  readonly rows: number;
  readonly timing: Timing;
  /** GFLOP/s of prefill, GB/s of decode. */
  readonly rate: number;
  /** What the rung's instructions and threads could do at best, measured beside: as many operations, or bytes of weights. */
  readonly roof: number;
  /** What all threads of this machine could do with the best instructions. */
  readonly machine: number;
}

const MOST_RUNS = 9;
const LEAST_RUNS = 3;
const PATIENCE_MILLISECONDS = 2000;

/**
 * Prepares a rung in its process, warms it up and times it.
 *
 * Between two runs of decode more memory is swept than caches hold: when a model decodes, all its other layers are read before
 * a weight is needed again.
 *
 * @throws Error when a result is wrong
 */
export async function measure(
  rung: Rung,
  process: RungProcess,
  product: ProductName,
  shape: Shape,
  threads: number,
  roofs: Roofs,
): Promise<Measurement> {
  const { M, K, N } = shape;
  const decode = product === 'decode';
  await process.prepare(shape, threads);
  await process.run(); // engines compile what is called often

  const own = () => (decode ? roofs.memory(rung.threads) : roofs.multiplyAdd(rung.instructions, rung.threads));
  const all = () => (decode ? roofs.memory('all') : roofs.multiplyAdd(roofs.best, 'all'));
  const machine = [await all()];
  const roof = [await own()];
  const times: number[] = [];
  for (let spent = 0; times.length < LEAST_RUNS || (times.length < MOST_RUNS && spent < PATIENCE_MILLISECONDS); ) {
    if (decode) roof.push(await own());
    times.push(await process.run());
    spent += times.at(-1)!;
  }
  roof.push(await own());
  machine.push(await all());

  const timing = summary(times);
  const amount = decode ? rung.weightBytes * N * K : 2 * M * N * K;
  const rate = amount / timing.median / 1e6;
  return { rows: M, timing, rate, roof: Math.max(...roof), machine: Math.max(...roof, ...machine) };
}
