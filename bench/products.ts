import { linear } from '../kernels/linear.ts';
import { openDevice } from '../src/open-device.ts';
import { closeDevice, type Device } from '../tensor/device.ts';
import { roundToBfloat16 } from '../tensor/dtype.ts';
import { free, read, type Tensor, tensor } from '../tensor/tensor.ts';
import { type Bench, measureRow, onDevice } from './bench.ts';
import type { Subject } from './measure.ts';
import type { EngineName } from './peer-engines.ts';
import { startPeer } from './peer-process.ts';
import { checkSamples, type Shape, sampledIndices, weightData, xData } from './product-data.ts';

/** The model's products: the vision encoder's MLP, a projection of the decoder, and a step of the gates of two blocks, which no cache holds. */
const SHAPES: readonly Shape[] = [
  { M: 1024, K: 1664, N: 8192 },
  { M: 280, K: 4096, N: 4096 },
  { M: 1, K: 4096, N: 44_032 },
];
/** GPU.js takes a hundred times as long: it gets fewer rows of the same product. */
const FEW_ROWS: Shape = { M: 8, K: 4096, N: 4096 };

/** Where the other engines are installed, and which start here. */
export interface Peers {
  readonly packages: string;
  readonly engines: readonly EngineName[];
  /** Told why an engine is left out. */
  leftOut(reason: string): void;
}

export async function benchProducts(bench: Bench, peers: Peers | undefined): Promise<void> {
  for (const shape of SHAPES) {
    const others = await start(peers, shape, bench.threads);
    const owned: Tensor[] = [];
    try {
      const limit = shape.M === 1 ? 'memory' : 'arithmetic';
      const [x, w] = [xData(shape), weightData(shape)];
      const one = `simd, 1 thread`;
      const ours = [
        await product('simd', bench.simd, shape, x, w, owned),
        await product(one, bench.alone, shape, x, w, owned),
      ];
      await measureRow(bench, { ...sizes(shape, 4), limit }, [...ours, ...others]);
      const bits = roundToBfloat16(w);
      const short = [
        await product('simd', bench.simd, shape, x, bits, owned),
        await product(one, bench.alone, shape, x, bits, owned),
      ];
      const row = sizes(shape, 2);
      await measureRow(bench, { ...row, name: `${row.name} bfloat16`, limit }, short);
    } finally {
      for (const each of owned) free(each);
      for (const other of others) other.close();
    }
  }
  await benchGpuJs(bench);
}

/** The same product in GPU.js, on the devices of this project. */
async function benchGpuJs(bench: Bench): Promise<void> {
  const devices: Device[] = [];
  const owned: Tensor[] = [];
  try {
    const [x, w] = [xData(FEW_ROWS), weightData(FEW_ROWS)];
    const subjects = [await product('simd', bench.simd, FEW_ROWS, x, w, owned)];
    for (const mode of ['webasm', 'cpu'] as const) {
      const { device } = await openDevice(mode, bench.threads);
      devices.push(device);
      subjects.push(await product(`GPU.js ${mode}`, device, FEW_ROWS, x, w, owned));
    }
    await measureRow(bench, { ...sizes(FEW_ROWS, 4), limit: 'arithmetic' }, subjects);
  } finally {
    for (const each of owned) free(each);
    for (const device of devices) await closeDevice(device);
  }
}

const sizes = ({ M, K, N }: Shape, weightBytes: number) => ({
  section: 'products',
  name: `${M}×${K}→${N}`,
  operations: 2 * M * K * N,
  bytes: 4 * M * (K + N) + weightBytes * K * N,
});

/** A product on a device of ours, compared with float64 before it is timed. */
async function product(
  name: string,
  device: Device,
  shape: Shape,
  xValues: Float32Array,
  weights: Float32Array | Uint16Array,
  owned: Tensor[],
): Promise<Subject> {
  const x = tensor(device, xValues, [shape.M, shape.K]);
  const w = tensor(device, weights, [shape.N, shape.K]);
  owned.push(x, w);
  const y = linear(x, w);
  const data = await read(y);
  free(y);
  checkSamples(
    name,
    shape,
    sampledIndices(shape).map((index) => data[index]),
  );
  return onDevice(name, device, () => linear(x, w));
}

async function start(peers: Peers | undefined, shape: Shape, threads: number) {
  const started = [];
  for (const engine of peers?.engines ?? []) {
    try {
      const request = { engine, packages: peers!.packages, shape, threads };
      started.push(await startPeer(request, (samples) => checkSamples(engine, shape, samples)));
    } catch (error) {
      peers!.leftOut(`${shape.M}×${shape.K}→${shape.N}: ${(error as Error).message}`);
    }
  }
  return started;
}
