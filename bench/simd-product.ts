/**
 * npm exec tsx bench/simd-product.ts: the SIMD kernels on one thread, as shares of what this machine can do: multiply-adds from
 * register to register, and a sweep through memory. Both roofs are measured anew beside each kernel, for on a shared machine only
 * what ran in the same second compares. Results are compared with float64 before anything is timed.
 *
 * With relaxed SIMD (Node 20: `node --experimental-wasm-relaxed-simd --import tsx bench/simd-product.ts`) multiply-adds are fused.
 */
import { attention } from '../kernels/simd/attention.ts';
import { compileKernels, instantiateKernels } from '../kernels/simd/kernels.ts';
import { pack } from '../kernels/simd/pack.ts';
import { ACTIVATION, product } from '../kernels/simd/product.ts';
import { memoryRoof, multiplyAddRoof, ROOF_OPERATIONS } from '../kernels/simd/roof.ts';
import { features } from '../kernels/simd/wasm/features.ts';
import { PANEL, WEIGHT_BYTES, type WeightType } from '../kernels/simd/weights.ts';
import { widenBfloat16 } from '../tensor/dtype.ts';

const RUNS = 5;
const PAGES = 16_000;
const SWEEP_BYTES = 256 * 2 ** 20;

const memory = new WebAssembly.Memory({ initial: PAGES, maximum: PAGES });
const floats = new Float32Array(memory.buffer);
const { relaxed } = features();
const kernels = { fused: relaxed ? instantiateKernels(compileKernels(false, true), memory) : undefined };
const plain = instantiateKernels(compileKernels(false, false), memory);
const run = kernels.fused ?? plain;

// Every page must be the memory's own: pages never written are one page of zeros, and a sweep would find it cached.
for (let i = 0, state = 1; i < floats.length; i++) {
  state = (Math.imul(state, 1664525) + 1013904223) | 0;
  floats[i] = state / 2 ** 31;
}

/** The shortest of some runs, in seconds: the one that the machine's other work disturbed least. */
function seconds(work: () => void, runs = RUNS): number {
  let best = Number.POSITIVE_INFINITY;
  for (let i = 0; i < runs; i++) {
    const start = performance.now();
    work();
    best = Math.min(best, performance.now() - start);
  }
  return best / 1000;
}

const TURNS = 1_000_000;
const operationsRoof = (kernel = run): number =>
  (TURNS * ROOF_OPERATIONS) / seconds(() => kernel(multiplyAddRoof, { y: 0, turns: TURNS })) / 1e9;
const bytesRoof = (): number =>
  SWEEP_BYTES / seconds(() => run(memoryRoof, { x: 4096, bytes: SWEEP_BYTES, y: 0 })) / 1e9;

// V8 compiles a function for speed after some calls.
for (let i = 0; i < 50; i++) for (const kernel of [run, plain]) kernel(multiplyAddRoof, { y: 0, turns: 1000 });
for (let i = 0; i < 50; i++) run(memoryRoof, { x: 4096, bytes: 65536, y: 0 });

console.log('one thread; the shortest of some runs; shares are of the roof measured beside\n');
console.log(`multiply + add     ${operationsRoof(plain).toFixed(1)} GFLOP/s`);
console.log(`fused multiply-add ${relaxed ? `${operationsRoof().toFixed(1)} GFLOP/s` : 'not in this engine'}`);
console.log(`memory sweep       ${bytesRoof().toFixed(1)} GB/s\n`);

const percent = (value: number, roof: number): string => `${((100 * value) / roof).toFixed(0).padStart(4)} %`;

function benchProduct(type: WeightType, M: number, K: number, N: number, activation: number = ACTIVATION.none): void {
  const [panels, bytes] = [Math.ceil(N / PANEL), WEIGHT_BYTES[type]];
  const x = 4096;
  const w = x + 4 * M * K;
  const packed = w + bytes * N * K;
  const y = packed + panels * PANEL * K * bytes;
  if (y + 4 * M * N > memory.buffer.byteLength) throw new RangeError(`[${M},${K}]·[${N},${K}]ᵀ needs more memory`);
  // bfloat16 weights need bits that are numbers: the upper halves of small float32.
  floats.subarray(x / 4, packed / 4).forEach((_, i, all) => {
    all[i] = ((i * 7919) % 2003) / 2003 - 0.5;
  });
  const halves = new Uint16Array(memory.buffer, w, type === 'bfloat16' ? N * K : 0);
  for (let i = 0; i < halves.length; i++) halves[i] = 0x3c00 + ((i * 7919) % 0x2ff) + (i % 2 ? 0x8000 : 0);

  const strides = { rowStride: bytes * K, columnStride: bytes };
  run(pack[type], { w, packed, N, K, ...strides, start: 0, end: panels });
  const given = { x, w: packed, bias: 0, residual: 0, y, N, K, activation, rowStart: 0, rowEnd: M, start: 0 };
  for (let i = 0; i < 20; i++) run(product[type], { ...given, rowEnd: Math.min(M, 8), end: Math.min(panels, 30) });
  run(product[type], { ...given, activation: ACTIVATION.none, end: panels });
  const weight = (n: number, k: number) =>
    type === 'float32' ? floats[w / 4 + n * K + k] : widenBfloat16(halves.subarray(n * K + k, n * K + k + 1))[0];
  for (let sample = 0; sample < 200; sample++) {
    const [m, n] = [(sample * 31) % M, (sample * 9973) % N];
    let [sum, scale] = [0, 0];
    for (let k = 0; k < K; k++) {
      const term = floats[x / 4 + m * K + k] * weight(n, k);
      sum += term;
      scale += Math.abs(term);
    }
    const error = Math.abs(floats[y / 4 + m * N + n] - sum) / scale;
    if (!(error < 8 * 2 ** -24)) throw new Error(`[${m},${n}] is wrong by ${error} of its terms`);
  }

  const roof = M < 4 ? bytesRoof() : operationsRoof();
  const time = seconds(() => run(product[type], { ...given, end: panels }), M < 4 ? 15 : RUNS);
  const rate = (2 * M * N * K) / time / 1e9;
  const bandwidth = (panels * PANEL * K * bytes) / time / 1e9;
  const name = `${`${M}×${K}→${N}`.padEnd(17)} ${type.padEnd(8)}${activation ? ' gelu' : '     '}`;
  const share = M < 4 ? percent(bandwidth, roof) : percent(rate, Math.max(roof, operationsRoof()));
  console.log(`${name} ${rate.toFixed(1).padStart(6)} GFLOP/s ${bandwidth.toFixed(1).padStart(6)} GB/s ${share}`);
}

function benchAttention(
  name: string,
  N: number,
  H: number,
  d: number,
  rowFloats: number,
  head: number,
  causal: boolean,
) {
  const [qkv, y] = [4096, 4096 + 4 * N * rowFloats];
  const [span, scratch] = [y + 4 * N * H * d, y + 4 * N * H * d + 8 * N];
  const pairs = new Int32Array(memory.buffer, span, 2 * N).map((_, i) => (i % 2 === 0 ? 0 : causal ? (i + 1) / 2 : N));
  new Int32Array(memory.buffer, span, 2 * N).set(pairs);
  floats.subarray(qkv / 4, y / 4).forEach((_, i, all) => {
    all[i] = ((i * 7919) % 2003) / 2003 - 0.5;
  });
  const part = head === d ? 4 * H * d : 4 * d; // q, k and v of all heads, or head by head
  const strides = { qRow: 4 * rowFloats, qHead: 4 * head, kRow: 4 * rowFloats, kHead: 4 * head };
  const valueStrides = { vRow: 4 * rowFloats, vHead: 4 * head, yRow: 4 * H * d, yHead: 4 * d };
  const places = { q: qkv, k: qkv + part, v: qkv + 2 * part, span, y, scratch };
  const given = { ...places, ...strides, ...valueStrides, N, d, C: N, divisor: Math.sqrt(d), start: 0 };
  for (let i = 0; i < 20; i++) run(attention, { ...given, end: 8 });
  const roof = operationsRoof();
  const time = seconds(() => run(attention, { ...given, end: H * N }), 3);
  const keys = causal ? (N * (N + 1)) / 2 : N * N;
  const rate = (4 * H * keys * d) / time / 1e9;
  console.log(`${name.padEnd(31)} ${rate.toFixed(1).padStart(6)} GFLOP/s ${' '.repeat(11)} ${percent(rate, roof)}`);
}

for (const type of ['float32', 'bfloat16'] as const) {
  benchProduct(type, 1024, 1664, 8192);
  benchProduct(type, 1024, 1664, 8192, ACTIVATION.gelu);
  benchProduct(type, 280, 4096, 4096);
  benchProduct(type, 280, 11008, 4096);
  for (const M of [1, 2, 3]) benchProduct(type, M, 4096, 22016);
}
benchAttention('encoder, 1024 patches, 16 heads', 1024, 16, 104, 3 * 1664, 3 * 104, false);
benchAttention('decoder, 1024 tokens, 8 heads', 1024, 8, 128, 3 * 1024, 128, true);
