/** One token through the five matrices of a published decoder block, in bfloat16 and in 4 bits: `npx tsx bench/int4.ts [THREADS]`. */
import { linear } from '../kernels/linear.ts';
import { openDevice } from '../src/open-device.ts';
import { closeDevice, type Device, finished } from '../tensor/device.ts';
import { roundToBfloat16 } from '../tensor/dtype.ts';
import { int4Bytes, int4Matrix } from '../tensor/int4.ts';
import { keep, scope } from '../tensor/scope.ts';
import { freeAll, read, type Tensor, tensor } from '../tensor/tensor.ts';

const SHAPES = [
  [12_288, 4096],
  [4096, 4096],
  [11_008, 4096],
  [11_008, 4096],
  [4096, 11_008],
] as const;
const GROUP = 128;
const RUNS = 20;

/** Numbers that differ, and none of which is special. */
const hashed = (i: number): number => Math.imul(i + 1, 2_654_435_761) >>> 0;

function packed(device: Device, N: number, K: number): Tensor {
  const G = Math.ceil(K / GROUP);
  const matrix = int4Matrix({
    ...{ N, K, words: Uint32Array.from({ length: (N * K) / 8 }, (_, i) => hashed(i)) },
    scales: new Float32Array(G * N).fill(2 ** -10),
    zeros: new Uint8Array(G * N).fill(8),
    groups: Int32Array.from({ length: K }, (_, k) => Math.floor(k / GROUP)),
  });
  return tensor(device, () => matrix, [N, K]);
}

const bfloat16 = (device: Device, N: number, K: number): Tensor =>
  tensor(device, () => roundToBfloat16(Float32Array.from({ length: N * K }, (_, i) => hashed(i) / 2 ** 32 - 0.5)), [
    N,
    K,
  ]);

const bytesOf = {
  bfloat16: (N: number, K: number) => 2 * N * K,
  int4: (N: number, K: number) => int4Bytes([N, K], Math.ceil(K / GROUP)),
};

const { device } = await openDevice('simd', Number(process.argv[2] ?? 1));
console.log(device.description);
for (const [kind, make] of [
  ['bfloat16', bfloat16],
  ['int4', packed],
] as const) {
  const weights = keep(SHAPES.map(([N, K]) => make(device, N, K)));
  const rows = new Map([4096, 11_008].map((K) => [K, keep(tensor(device, new Float32Array(K).fill(0.5), [1, K]))]));
  let best = Number.POSITIVE_INFINITY;
  for (let run = 0; run < RUNS; run++) {
    await finished(device);
    const start = performance.now();
    await scope<{ last: Promise<unknown> }>(() => {
      const results = weights.map((weight) => linear(rows.get(weight.shape[1])!, weight));
      return { last: read(results.at(-1)!) };
    }).last;
    best = Math.min(best, performance.now() - start);
  }
  const bytes = SHAPES.reduce((sum, [N, K]) => sum + bytesOf[kind](N, K), 0);
  console.log(`${kind.padEnd(9)} ${best.toFixed(1)} ms, ${(bytes / best / 1e6).toFixed(1)} GB/s`);
  freeAll(device, [...weights, ...rows.values()]);
}
await closeDevice(device);
