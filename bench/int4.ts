/** One token through the five matrices of a published decoder block, in bfloat16 and in 4 bits: `npx tsx bench/int4.ts [THREADS]`. */
import { linear } from '../kernels/linear.ts';
import { fuseMultiplyAdds } from '../src/cli/multiply-add.ts';
import { openDevice } from '../src/open-device.ts';
import { closeDevice, finished, type Given } from '../tensor/device.ts';
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
const RUNS = 10;
/** More than caches hold: so many blocks follow each other, as those of a model do. */
const BYTES = 1e9;
/** Less than the cache of a core holds, and how often it is read in a row. */
const CACHED = 1.5e6;
const REPEATED = 64;

/** Numbers that differ, and none of which is special. */
const hashed = (i: number): number => Math.imul(i + 1, 2_654_435_761) >>> 0;

function packed(N: number, K: number): Given {
  const G = Math.ceil(K / GROUP);
  return int4Matrix({
    ...{ N, K, words: Uint32Array.from({ length: (N * K) / 8 }, (_, i) => hashed(i)) },
    scales: new Float32Array(G * N).fill(2 ** -10),
    zeros: new Uint8Array(G * N).fill(8),
    groups: Int32Array.from({ length: K }, (_, k) => Math.floor(k / GROUP)),
  });
}

const bfloat16 = (N: number, K: number): Given =>
  roundToBfloat16(Float32Array.from({ length: N * K }, (_, i) => hashed(i) / 2 ** 32 - 0.5));

const bytesOf = {
  bfloat16: (N: number, K: number) => 2 * N * K,
  int4: (N: number, K: number) => int4Bytes([N, K], Math.ceil(K / GROUP)),
};

/** Milliseconds of a row through one matrix after the other. */
async function fastest(weights: readonly Tensor[]): Promise<number> {
  const rows = new Map(
    [4096, 11_008].map((K) => [K, tensor(device, new Float32Array(K).fill(0.5), [1, K], { label: 'x' })]),
  );
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
  freeAll(device, [...rows.values()]);
  return best;
}

fuseMultiplyAdds();
const { device } = await openDevice('simd', Number(process.argv[2] ?? 1));
console.log(device.description);
for (const [kind, make] of [
  ['bfloat16', bfloat16],
  ['int4', packed],
] as const) {
  const upload = (data: Given, shape: readonly number[]) => keep(tensor(device, () => data, shape));
  const bytes = SHAPES.reduce((sum, [N, K]) => sum + bytesOf[kind](N, K), 0);
  const blocks = Math.ceil(BYTES / bytes);
  const given = SHAPES.map(([N, K]) => ({ shape: [N, K], data: make(N, K) }));
  const weights = Array.from({ length: blocks }, () => given.map(({ data, shape }) => upload(data, shape))).flat();
  const milliseconds = (await fastest(weights)) / blocks;
  const [N, K] = [8 * Math.floor(CACHED / bytesOf[kind](8, 4096)), 4096];
  const cached = upload(make(N, K), [N, K]);
  const most = (REPEATED * bytesOf[kind](N, K)) / (await fastest(new Array(REPEATED).fill(cached)));
  const rate = bytes / milliseconds;
  const share = `${((100 * rate) / most).toFixed(0)} % of what it does with a matrix that the cache holds`;
  console.log(`${kind.padEnd(9)} ${milliseconds.toFixed(1)} ms a block, ${(rate / 1e6).toFixed(1)} GB/s, ${share}`);
  freeAll(device, [...weights, cached]);
}
await closeDevice(device);
