import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { add } from '../../kernels/add.ts';
import { argmax } from '../../kernels/argmax.ts';
import { gelu } from '../../kernels/gelu.ts';
import { layerNorm } from '../../kernels/layer-norm.ts';
import { linear, matmul } from '../../kernels/linear.ts';

import { rmsNorm } from '../../kernels/rms-norm.ts';
import { rotary } from '../../kernels/rotary.ts';
import { divide } from '../../kernels/scale.ts';
import { siluGate } from '../../kernels/silu-gate.ts';
import { softmax } from '../../kernels/softmax.ts';
import { parseConfig } from '../../src/architecture/config.ts';
import { memorySource } from '../../src/checkpoint/byte-source.ts';
import { openSafetensors } from '../../src/checkpoint/safetensors.ts';
import { readFloat32 } from '../../src/checkpoint/stored-tensor.ts';
import { type AdapterWeights, adapter } from '../../src/model/adapter.ts';
import { groupSpan } from '../../src/model/attention.ts';
import { createCache, freeCache } from '../../src/model/cache.ts';
import { type DecoderBlockWeights, decoderBlock } from '../../src/model/decoder.ts';
import { decoderPass } from '../../src/model/decoder-pass.ts';
import { positionsOn } from '../../src/model/patch-embedding.ts';
import { freeModel, loadModel } from '../../src/model/qwen-vl.ts';
import { type VisionBlockWeights, visionBlock } from '../../src/model/vision.ts';
import { bfloat16Oracle } from '../../src/verify/bfloat16/bfloat16.ts';
import { nearestBfloat16 } from '../../src/verify/bfloat16/bfloat16-rules.ts';
import { capture } from '../../src/verify/capture.ts';
import { nmse } from '../../src/verify/metrics.ts';
import { closeDevice, createDevice, type Device, type Driver, type HostData } from '../../tensor/device.ts';
import { gpuJs } from '../../tensor/gpu-js.ts';
import { scope } from '../../tensor/scope.ts';
import { read, type Tensor, tensor } from '../../tensor/tensor.ts';
import { CASES, openCase } from '../golden/cases.ts';

let stored: Map<string, Float32Array>;
let shapes: Map<string, readonly number[]>;
let oracle: Device;
let float32: Device;
beforeAll(async () => {
  const bytes = await readFile(new URL('fixtures/bfloat16.safetensors', import.meta.url));
  const { tensors } = await openSafetensors(memorySource(bytes, 'bfloat16'));
  shapes = new Map([...tensors].map(([name, { shape }]) => [name, shape]));
  stored = new Map();
  for (const [name, each] of tensors) stored.set(name, await readFloat32(each));
  oracle = createDevice(bfloat16Oracle(counting(await gpuJs('cpu', 1))));
  float32 = createDevice(await gpuJs('cpu', 1));
});
afterAll(async () => {
  await closeDevice(oracle);
  await closeDevice(float32);
});

/** What the oracle holds on the driver below it. */
const held = new Set<unknown>();
const counting = (driver: Driver): Driver => {
  const hold = (storage: unknown) => {
    held.add(storage);
    return storage;
  };
  return {
    ...driver,
    upload: async (load, shape) => hold(await driver.upload(load, shape)),
    run: async (op, inputs, sizes, shape) => hold(await driver.run(op, inputs, sizes, shape)),
    free(storage) {
      held.delete(storage);
      driver.free(storage);
    },
  };
};

/** Tensors of the fixture on a device. */
type Given = (name: string) => Tensor;
const givenOn =
  (device: Device): Given =>
  (name) =>
    tensor(device, stored.get(name)!, shapes.get(name)!, { label: name });

const weightsOf = <Weights>(given: Given, path: string): Weights =>
  Object.fromEntries(
    [...shapes.keys()]
      .filter((name) => name.startsWith(`${path}.`) && !/\.(input|output)$/.test(name))
      .map((name) => [name.slice(path.length + 1), given(name)]),
  ) as Weights; // named as the model names them

/** How far two runs of the same work are from what PyTorch computed in bfloat16. */
async function compare(name: string, work: (given: Given, device: Device) => Tensor) {
  const run = async (device: Device) =>
    (await scope(() => ({ data: read(work(givenOn(device), device)) })).data) as Float32Array;
  const theirs = stored.get(name)!;
  const ours = await run(oracle);
  const once = nearestBfloat16(await run(float32)); // its result, as near as a bfloat16 can be
  const equal = ours.filter((value, i) => value === theirs[i]).length / theirs.length;
  await oracle.queue.idle();
  expect([oracle.live.size, float32.live.size, held.size]).toEqual([0, 0, 0]);
  const found = { equal, ours: nmse(ours, theirs), float32: nmse(once, theirs) };
  const numbers = [found.ours, found.float32].map((value) => value.toExponential(1));
  report.push(`${name.padEnd(16)}${(100 * equal).toFixed(2).padStart(6)} %  ${numbers.join('  ')}`);
  return found;
}

const report: string[] = [];
afterAll(() =>
  console.log(
    `Elements equal to PyTorch's bfloat16, NMSE of the oracle, of float32 rounded once:\n${report.join('\n')}`,
  ),
);

describe('operations are equal to PyTorch in bfloat16', () => {
  const span = (device: Device, rows: number, keys: number) => tensor(device, groupSpan(1, rows, keys), [rows, 2]);
  const operations: Record<string, (given: Given, device: Device) => Tensor> = {
    rmsNorm: (given) => rmsNorm(given('x'), given('norm.weight'), 1e-6),
    layerNorm: (given) => layerNorm(given('x'), given('norm.weight'), given('norm.bias'), 1e-6),
    linear: (given) => linear(given('x'), given('linear.weight'), given('linear.bias')),
    matmul: (given) => matmul(given('x'), given('matmul.weight')),
    gelu: (given) => gelu(given('x')),
    softmax: (given, device) => softmax(given('x'), span(device, 8, 64)),
    add: (given) => add(given('x'), given('other')),
    siluGate: (given) => siluGate(given('x'), given('other')),
    divide: (given) => divide(given('x'), Math.sqrt(104)),
    rotary: (given) => rotary(given('x'), given('cos'), given('sin')),
  };
  test.each(Object.keys(operations))('%s', async (name) => {
    const found = await compare(name, operations[name]);
    expect(found.equal).toBeGreaterThan(0.99);
  });
});

describe('blocks are nearer to PyTorch in bfloat16 than float32 is', () => {
  const blocks: Record<string, (given: Given, device: Device) => Tensor> = {
    vision: (given, device) =>
      visionBlock(
        given('vision.input'),
        weightsOf<VisionBlockWeights>(given, 'vision'),
        tensor(device, groupSpan(1, 16, 16), [16, 2]),
        2,
        16,
      ),
    adapter: (given) => {
      const weights = weightsOf<AdapterWeights>(given, 'adapter');
      return adapter(given('adapter.input'), weights, positionsOn(weights.pos_embed, 4));
    },
    decoder: (given, device) => {
      const config = {
        ...base,
        num_attention_heads: 2,
        kv_channels: 12,
        hidden_size: 24,
        num_hidden_layers: 1,
        seq_length: 4,
        use_dynamic_ntk: false,
        layer_norm_epsilon: 1e-6,
      };
      const cache = createCache({ device, config }, 16);
      const pass = decoderPass({ device, config }, cache, [16]);
      const out = decoderBlock(
        given('decoder.input'),
        weightsOf<DecoderBlockWeights>(given, 'decoder'),
        cache.blocks[0],
        pass,
      );
      freeCache(cache);
      return out;
    },
  };
  let base: ReturnType<typeof parseConfig>;
  beforeAll(async () => {
    const path = 'golden/quirks/model-a.config.json';
    base = parseConfig(JSON.parse(await readFile(path, 'utf8')), path);
  });
  test.each(Object.keys(blocks))('%s', async (name) => {
    const found = await compare(`${name}.output`, blocks[name]);
    expect(found.ours).toBeLessThan(found.float32 / 10);
    expect(found.equal).toBeGreaterThan(0.99);
  });
});

test('what is counted or pointed at stays whole', async () => {
  const largest = await scope(() => {
    const x = tensor(
      oracle,
      Float32Array.from({ length: 600 }, (_, i) => (i === 513 ? 1 : 0)),
      [1, 600],
    );
    return { data: read(argmax(x)) };
  }).data;
  expect(largest).toEqual(Int32Array.of(513));
});

test('in a whole model every activation is a bfloat16, but for the tables of rotary', async () => {
  const { checkpoint, golden, close } = await openCase(CASES.find(({ name }) => name === 'model-a')!);
  const model = loadModel(oracle, checkpoint.config, checkpoint.load);
  const heard: [name: string, data: Promise<HostData>][] = [];
  capture(model, golden.inputs, { take: (name, activation) => heard.push([name, read(activation)]) });
  freeModel(model);
  const wider: string[] = [];
  for (const [name, data] of heard) {
    const values = (await data) as Float32Array;
    if (nearestBfloat16(values).some((value, i) => value !== values[i])) wider.push(name);
    expect(values.every(Number.isFinite), name).toBe(true);
  }
  expect(heard.length).toBeGreaterThan(golden.taps.size);
  expect(wider).toEqual(['transformer.rotary_emb']);
  await close();
  await oracle.queue.idle();
  expect([oracle.live.size, oracle.memory.bytes, held.size]).toEqual([0, 0, 0]);
});
