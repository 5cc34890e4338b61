import gpujs from 'gpu.js';
import type { Kernel } from '../../tensor/op.ts';
import type { Prepared, Problem } from './rung.ts';

const { GPU, Input } = gpujs;

/** GPU.js cuts longer loops, in silence. */
const LONGEST_LOOP = 2 ** 20;

export interface GpuJsRung {
  readonly mode: 'cpu' | 'webasm';
  /** Called with x, w, K and N; returns one result or, as `Array(4)`, four neighbouring ones. */
  readonly kernel: Kernel | ((...parameters: Parameters<Kernel>) => number[]);
  readonly results: 1 | 4;
  readonly threads: number;
}

/** One thread of GPU.js for each result, or for each four. */
export function prepareGpuJs({ mode, kernel, results, threads }: GpuJsRung, { M, K, N, x, w }: Problem): Prepared {
  const gpu = new GPU({ mode });
  const columns = Math.ceil(N / results);
  const run = gpu.createKernel(
    kernel as never, // typed for the numbers and arrays of GPU.js
    {
      output: [columns, M],
      precision: 'single',
      loopMaxIterations: LONGEST_LOOP,
      ...(threads > 1 ? { asyncMode: true, poolSize: threads } : {}),
    } as object,
  );
  const matrix = (values: Float32Array) =>
    mode === 'cpu'
      ? Array.from({ length: values.length / K }, (_, row) => values.subarray(row * K, (row + 1) * K))
      : new Input(values as unknown as number[], [K, values.length / K]); // typed for arrays, takes both
  const given = [matrix(x), matrix(w), K, N].slice(0, kernel.length); // GPU.js refuses more than a kernel takes
  let rows: ArrayLike<number | ArrayLike<number>>[] = [];
  return {
    async run() {
      rows = (await run(...(given as never[]))) as unknown as typeof rows;
      const ran = (run.kernel as unknown as { constructor: { mode: string } }).constructor.mode;
      if (ran !== mode) throw new Error(`GPU.js ${mode}: ran on ${ran} instead`);
    },
    result: () =>
      rows.flatMap((row) =>
        Array.from(row)
          .flatMap((each) => (typeof each === 'number' ? each : Array.from(each)))
          .slice(0, N),
      ),
    close: async () => void (await gpu.destroy()),
  };
}
