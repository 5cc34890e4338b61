import { add } from '../kernels/add.ts';
import { argmax } from '../kernels/argmax.ts';
import { attentionScores, attentionValues } from '../kernels/attention-products.ts';
import { columns } from '../kernels/columns.ts';
import { gatherRows } from '../kernels/gather-rows.ts';
import { gelu } from '../kernels/gelu.ts';
import { layerNorm } from '../kernels/layer-norm.ts';
import { patches } from '../kernels/patches.ts';
import { resizeGrid } from '../kernels/resize-grid.ts';
import { rmsNorm } from '../kernels/rms-norm.ts';
import { rotary } from '../kernels/rotary.ts';
import { divide, scaleRows } from '../kernels/scale.ts';
import { siluGate } from '../kernels/silu-gate.ts';
import { softmax } from '../kernels/softmax.ts';
import { splice } from '../kernels/splice.ts';
import { proceduralInput } from '../src/checkpoint/procedural.ts';
import { causalSpan, groupSpan } from '../src/model/attention.ts';
import { openDevice } from '../src/open-device.ts';
import { closeDevice, createDevice, type Device } from '../tensor/device.ts';
import { nullDriver } from '../tensor/null.ts';
import { free, read, type Tensor, tensor } from '../tensor/tensor.ts';
import { type Bench, costOf, measureRow, onDevice, type Row } from './bench.ts';

/** An operation at a shape of the model. */
interface Case {
  readonly name: string;
  readonly limit: Row['limit'];
  /** The shapes of its inputs; a table of numbers is an input as it stands. */
  readonly inputs: readonly (readonly number[] | Table)[];
  run(...inputs: Tensor[]): Tensor;
}
interface Table {
  readonly data: Int32Array;
  readonly shape: readonly number[];
}

/** Sizes of the published model: patches and width of the encoder, and a prompt of 280 tokens in the decoder. */
const [L, W, MLP, VISION_HEADS] = [1024, 1664, 8192, 16];
const [T, D, F, HEADS, d] = [280, 4096, 11_008, 32, 128];
const whole: Table = { data: groupSpan(1, L, L), shape: [L, 2] };
const causal: Table = { data: causalSpan(0, 0, T), shape: [T, 2] };
const counted = (length: number, number: (i: number) => number = (i) => i): Table => ({
  data: Int32Array.from({ length }, (_, i) => number(i)),
  shape: [length],
});
const vision = { heads: VISION_HEADS, mostKeys: L, divisor: 1 };
const decoder = { heads: HEADS, mostKeys: T, divisor: Math.sqrt(d) };

const CASES: readonly Case[] = [
  {
    name: 'attentionScores, encoder',
    limit: 'arithmetic',
    inputs: [[L, W], [L, W], whole],
    run: (q, k, span) => attentionScores(q, k, span, vision),
  },
  {
    name: 'softmax, encoder',
    limit: 'memory',
    inputs: [[VISION_HEADS * L, L], whole],
    run: softmax,
  },
  {
    name: 'attentionValues, encoder',
    limit: 'arithmetic',
    inputs: [[VISION_HEADS * L, L], [L, W], whole],
    run: attentionValues,
  },
  {
    name: 'attentionScores, decoder',
    limit: 'arithmetic',
    inputs: [[T, D], [T, D], causal],
    run: (q, k, span) => attentionScores(q, k, span, decoder),
  },
  {
    name: 'attentionValues, decoder',
    limit: 'arithmetic',
    inputs: [[HEADS * T, T], [T, D], causal],
    run: attentionValues,
  },
  { name: 'layerNorm', limit: 'memory', inputs: [[L, W], [W], [W]], run: (x, w, b) => layerNorm(x, w, b, 1e-6) },
  { name: 'rmsNorm', limit: 'memory', inputs: [[T, D], [D]], run: (x, w) => rmsNorm(x, w, 1e-6) },
  { name: 'gelu', limit: 'memory', inputs: [[L, MLP]], run: gelu },
  {
    name: 'siluGate',
    limit: 'memory',
    inputs: [
      [T, F],
      [T, F],
    ],
    run: siluGate,
  },
  {
    name: 'rotary',
    limit: 'memory',
    inputs: [
      [T, D],
      [T, d],
      [T, d],
    ],
    run: rotary,
  },
  {
    name: 'add',
    limit: 'memory',
    inputs: [
      [L, W],
      [L, W],
    ],
    run: add,
  },
  { name: 'divide', limit: 'memory', inputs: [[L, W]], run: (x) => divide(x, Math.sqrt(104)) },
  { name: 'scaleRows', limit: 'memory', inputs: [[T, D], [T]], run: scaleRows },
  {
    name: 'columns',
    limit: 'memory',
    inputs: [[L, 3 * W]],
    run: (x) => columns(x, { start: 0, width: 104, stride: 312, groups: VISION_HEADS }),
  },
  { name: 'gatherRows', limit: 'memory', inputs: [[8192, D], counted(T, (i) => (i * 97) % 8192)], run: gatherRows },
  { name: 'splice', limit: 'memory', inputs: [[T, D], [256, D], counted(T, (i) => (i < 256 ? i : -1))], run: splice },
  { name: 'patches', limit: 'memory', inputs: [[3 * 448, 448]], run: (pixels) => patches(pixels, 32, 14) },
  { name: 'resizeGrid', limit: 'memory', inputs: [[256, W]], run: (x) => resizeGrid(x, 16, 32) },
  { name: 'argmax', limit: 'memory', inputs: [[1, 151_936]], run: argmax },
];
/** In float32 an element may differ from float64 by so much of the largest. */
const CLOSE = 2e-6;

/** Every operation but the products and `append`, which consumes what it is given, at shapes of the model, on `simd` and in GPU.js. */
export async function benchKernels(bench: Bench): Promise<void> {
  const webasm = (await openDevice('webasm', bench.threads)).device;
  const cpu = (await openDevice('cpu', 1)).device;
  const devices: [name: string, device: Device][] = [
    ['simd', bench.simd],
    ['simd, 1 thread', bench.alone],
    ['GPU.js webasm', webasm],
    ['GPU.js cpu', cpu],
  ];
  try {
    for (const each of CASES) await benchCase(bench, each, devices);
  } finally {
    await closeDevice(webasm);
    await closeDevice(cpu);
  }
}

async function benchCase(bench: Bench, each: Case, devices: readonly (readonly [string, Device])[]): Promise<void> {
  const { name, limit, inputs: wanted } = each;
  const owned: Tensor[] = [];
  try {
    const subjects = [];
    let right: ArrayLike<number> | undefined;
    for (const [device, on] of [...devices].reverse()) {
      const inputs = wanted.map((input, i) => make(on, input, `x${i}`));
      owned.push(...inputs);
      const result = each.run(...inputs);
      const data = await read(result);
      free(result);
      if (right) requireClose(`${name} on ${device}`, data, right);
      right ??= data;
      subjects.unshift(onDevice(device, on, () => each.run(...inputs)));
    }
    await measureRow(bench, { section: 'kernels', name, limit, ...(await caseCost(each)) }, subjects);
  } finally {
    for (const one of owned) free(one);
  }
}

/** What a case needs, from its shapes alone. */
function caseCost({ inputs, run }: Case): Promise<Pick<Row, 'operations' | 'bytes'>> {
  const device = createDevice(nullDriver);
  return costOf(device, () => run(...inputs.map((input) => make(device, input, 'x'))));
}

function make(device: Device, input: Case['inputs'][number], label: string): Tensor {
  if ('data' in input) return tensor(device, input.data, input.shape);
  const count = input.reduce((product, size) => product * size, 1);
  return tensor(device, () => proceduralInput(label, count), input);
}

/** @throws Error when results differ by more than float32 explains */
function requireClose(name: string, found: ArrayLike<number>, right: ArrayLike<number>): void {
  let largest = 0;
  for (let i = 0; i < right.length; i++) largest = Math.max(largest, Math.abs(right[i]));
  for (let i = 0; i < right.length; i++) {
    if (!(Math.abs(found[i] - right[i]) <= CLOSE * largest)) {
      throw new Error(`${name}: element ${i} is ${found[i]}, expected ${right[i]}`);
    }
  }
}
