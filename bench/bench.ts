import { hear } from '../src/profile/hear.ts';
import { memoryRoof, multiplyAddRoof } from '../src/profile/roof-kernels.ts';
import type { Device } from '../tensor/device.ts';
import { free, type Tensor, tensor } from '../tensor/tensor.ts';
import { inTurns, type Subject, type Timing, timed } from './measure.ts';

/** What was measured of one piece of work, in several engines. */
export interface Row {
  readonly section: string;
  readonly name: string;
  /** Floating-point operations that the algorithm needs. */
  readonly operations: number;
  /** Bytes that must be read and written once. */
  readonly bytes: number;
  /** Which roof the work stands under. */
  readonly limit: 'arithmetic' | 'memory';
  /** By subject, in the order of the run; ours comes first. The subject `roof` does as many operations, or reads as many bytes, and nothing else. */
  readonly timings: Readonly<Record<string, Timing>>;
}

/** A run of the benchmark: what its sections need. */
export interface Bench {
  readonly runs: number;
  /** `simd` with all threads and with one. */
  readonly simd: Device;
  readonly alone: Device;
  readonly threads: number;
  /** Told of each row as it is measured. */
  add(row: Row): void;
}

/** One run of work on a device, until it is done there. */
export const onDevice = (name: string, device: Device, work: () => Tensor): Subject => ({
  name,
  run: () =>
    timed(async () => {
      free(work());
      await settled(device);
    }),
});

export async function settled(device: Device): Promise<void> {
  await device.queue.idle();
}

/** What all launches of some work need together; on the `null` device from their shapes alone. */
export async function costOf(device: Device, work: () => unknown): Promise<Pick<Row, 'operations' | 'bytes'>> {
  const cost = { operations: 0, bytes: 0 };
  const stop = hear(device, {
    onLaunch({ operations, bytes }) {
      cost.operations += operations;
      cost.bytes += bytes;
    },
  });
  try {
    await work();
    return cost;
  } finally {
    stop();
  }
}

const SIDE = 128;
const OPERATIONS_A_TURN = 24 * SIDE * SIDE;
const SWEEP = { rows: 2 ** 7, columns: 2 ** 20 };

/** What the machine would need for the same operations, or bytes, if there were nothing else: measured beside the work. */
export function roofSubject(device: Device, { operations, bytes, limit }: Omit<Row, 'timings'>): Subject & Owned {
  if (limit === 'memory') {
    const elements = SWEEP.rows * SWEEP.columns;
    const x = tensor(device, new Float32Array(elements).fill(1), [SWEEP.rows, SWEEP.columns]);
    const sweep = onDevice('roof', device, () => memoryRoof(x, 1, 1));
    return {
      name: 'roof',
      run: async () => ((await sweep.run()) * bytes) / (4 * elements),
      free: () => free(x),
    };
  }
  const x = tensor(device, new Float32Array(SIDE * SIDE), [SIDE, SIDE]);
  const turns = Math.min(20_000, Math.ceil(operations / OPERATIONS_A_TURN));
  const loop = onDevice('roof', device, () => multiplyAddRoof(x, turns));
  return {
    name: 'roof',
    run: async () => ((await loop.run()) * operations) / (turns * OPERATIONS_A_TURN),
    free: () => free(x),
  };
}

/** What has to be given back after it was measured. */
export interface Owned {
  free(): void;
}

/** Measures one row: the subjects and, beside them, the roof. */
export async function measureRow(bench: Bench, row: Omit<Row, 'timings'>, subjects: readonly Subject[]): Promise<Row> {
  const roof = roofSubject(bench.simd, row);
  try {
    const all = [...subjects, roof];
    const timings = await inTurns(all, bench.runs);
    const measured = { ...row, timings: Object.fromEntries(all.map(({ name }, i) => [name, timings[i]])) };
    bench.add(measured);
    return measured;
  } finally {
    roof.free();
  }
}
