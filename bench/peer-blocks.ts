import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Config } from '../src/architecture/config.ts';
import { weightShapes } from '../src/architecture/weight-shapes.ts';
import { proceduralCheckpoint, proceduralInput } from '../src/checkpoint/procedural.ts';
import { rotaryRows } from '../src/model/rotary-table.ts';

/**
 * The decoder's first block forwards and backwards in other engines, of several conversations of equal length: the gradients of the sum of
 * its results with respect to its input and its weights.
 */
export const BLOCK_ENGINES = { 'jax-js': jaxJs, tfjs } as const;
export type BlockEngineName = keyof typeof BLOCK_ENGINES;

export interface BlockSize {
  readonly conversations: number;
  readonly tokens: number;
}

/** Runs it once, and gives the gradient of `ln_1.weight`. */
type Run = () => Promise<Float32Array>;

interface Numbers {
  readonly data: Float32Array;
  readonly shape: readonly number[];
}

/** What the block takes, in the order of its weights' use; matrices `[in, out]`, as these engines want them. */
async function numbersOf(config: Config, { conversations: B, tokens: T }: BlockSize) {
  const { hidden_size: D, num_attention_heads: H, kv_channels: d, rotary_emb_base: base } = config;
  const load = proceduralCheckpoint(config, false);
  const weight = async (short: string): Promise<Numbers> => {
    const name = `transformer.h.0.${short}`;
    const given = await load(name);
    const data = ('onHost' in given ? given.onHost() : given) as Float32Array;
    const [rows, columns] = weightShapes(config).get(name)!;
    return columns === undefined ? { data, shape: [rows] } : transposed(data, rows, columns);
  };
  const names = ['ln_1', 'attn.c_attn', 'attn.c_proj', 'ln_2', 'mlp.w1', 'mlp.w2', 'mlp.c_proj'];
  const weights = await Promise.all([...names.map((name) => `${name}.weight`), 'attn.c_attn.bias'].map(weight));
  const { cos, sin } = rotaryRows(0, T, { d, base, alpha: 1 });
  const hidden = (i: number): boolean => i % T > Math.floor(i / T);
  return {
    ...{ B, T, D, H, d, eps: config.layer_norm_epsilon },
    inputs: [{ data: proceduralInput('x', B * T * D), shape: [B * T, D] }, ...weights] as readonly Numbers[],
    tables: [
      { data: cos, shape: [T, 1, d] },
      { data: sin, shape: [T, 1, d] },
      { data: Float32Array.from({ length: T * T }, (_, i) => (hidden(i) ? -1e30 : 0)), shape: [T, T] },
    ] as readonly Numbers[],
  };
}

function transposed(data: Float32Array, rows: number, columns: number): Numbers {
  const to = new Float32Array(data.length);
  for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) to[j * rows + i] = data[i * columns + j];
  return { data: to, shape: [columns, rows] };
}

/** As much of jax-js as is used. Every use of an array but the last is of its `ref`. */
interface JaxArray {
  readonly ref: JaxArray;
  add(other: JaxArray | number): JaxArray;
  mul(other: JaxArray | number): JaxArray;
  div(other: JaxArray): JaxArray;
  sum(): JaxArray;
  reshape(shape: readonly number[]): JaxArray;
  transpose(axes: readonly number[]): JaxArray;
  data(): Promise<Float32Array>;
  dispose(): void;
}
interface Jax {
  init(device: string): Promise<unknown>;
  defaultDevice(device: string): unknown;
  jit<F>(f: F): F;
  grad(f: (...given: JaxArray[]) => JaxArray, options: { argnums: number[] }): (...given: JaxArray[]) => JaxArray[];
  blockUntilReady(arrays: JaxArray[]): Promise<unknown>;
  readonly nn: { silu(x: JaxArray): JaxArray; softmax(x: JaxArray, axis: number): JaxArray };
  readonly numpy: {
    array(data: Float32Array): JaxArray;
    matmul(a: JaxArray, b: JaxArray): JaxArray;
    mean(x: JaxArray, axis: number, options: { keepdims: boolean }): JaxArray;
    square(x: JaxArray): JaxArray;
    sqrt(x: JaxArray): JaxArray;
    split(x: JaxArray, parts: number, axis: number): JaxArray[];
    concatenate(parts: readonly JaxArray[], axis: number): JaxArray;
  };
}

async function jaxJs(packages: string, config: Config, size: BlockSize): Promise<Run> {
  const jax = (await import(pathToFileURL(createRequire(packages).resolve('@jax-js/jax')).href)) as Jax;
  const { numpy: np, nn } = jax;
  await jax.init('wasm');
  jax.defaultDevice('wasm');
  const { B, T, D, H, d, eps, inputs, tables } = await numbersOf(config, size);
  const norm = (x: JaxArray, weight: JaxArray): JaxArray => {
    const squares = np.mean(np.square(x.ref), -1, { keepdims: true });
    return x.div(np.sqrt(squares.add(eps))).mul(weight);
  };
  const rotated = (x: JaxArray, cos: JaxArray, sin: JaxArray): JaxArray => {
    const [a, b] = np.split(x.ref, 2, -1);
    return x.mul(cos).add(np.concatenate([b.mul(-1), a], -1).mul(sin));
  };
  const block = (...given: JaxArray[]): JaxArray => {
    const [x, ln1, attn, proj, ln2, w1, w2, down, bias, cos, sin, mask] = given;
    const qkv = np.split(np.matmul(norm(x.ref, ln1), attn).add(bias), 3, -1);
    const [q, k, v] = qkv.map((each) => each.reshape([B, T, H, d]));
    const query = rotated(q, cos.ref, sin.ref).transpose([0, 2, 1, 3]);
    const scores = np.matmul(query, rotated(k, cos, sin).transpose([0, 2, 3, 1]));
    const probabilities = nn.softmax(scores.mul(1 / Math.sqrt(d)).add(mask), -1);
    const mixed = np.matmul(probabilities, v.transpose([0, 2, 1, 3])).transpose([0, 2, 1, 3]);
    const attended = x.add(np.matmul(mixed.reshape([B * T, D]), proj));
    const normed = norm(attended.ref, ln2);
    const gated = np.matmul(normed.ref, w1).mul(nn.silu(np.matmul(normed, w2)));
    return attended.add(np.matmul(gated, down)).sum();
  };
  const arrays = [...inputs, ...tables].map(({ data, shape }) => np.array(data).reshape(shape));
  const gradients = jax.jit(jax.grad(block, { argnums: inputs.map((_, i) => i) }));
  return async () => {
    const found = gradients(...arrays.map((array) => array.ref));
    await jax.blockUntilReady(found);
    const result = await found[1].ref.data();
    for (const each of found) each.dispose();
    return result;
  };
}

/** As much of tfjs as is used. */
type TfTensor = { data(): Promise<Float32Array>; dispose(): void };
interface Tf {
  setBackend(name: string): Promise<boolean>;
  tensor(data: Float32Array, shape: readonly number[]): TfTensor;
  grads(f: (...given: TfTensor[]) => TfTensor): (given: readonly TfTensor[]) => TfTensor[];
  add(a: TfTensor, b: TfTensor | number): TfTensor;
  mul(a: TfTensor, b: TfTensor | number): TfTensor;
  div(a: TfTensor, b: TfTensor): TfTensor;
  neg(x: TfTensor): TfTensor;
  sqrt(x: TfTensor): TfTensor;
  square(x: TfTensor): TfTensor;
  sigmoid(x: TfTensor): TfTensor;
  softmax(x: TfTensor): TfTensor;
  sum(x: TfTensor): TfTensor;
  mean(x: TfTensor, axis: number, keepDims: boolean): TfTensor;
  split(x: TfTensor, parts: number, axis: number): TfTensor[];
  concat(parts: readonly TfTensor[], axis: number): TfTensor;
  reshape(x: TfTensor, shape: readonly number[]): TfTensor;
  transpose(x: TfTensor, axes: readonly number[]): TfTensor;
  matMul(a: TfTensor, b: TfTensor, transposeA?: boolean, transposeB?: boolean): TfTensor;
}

/** Its gradients come with the whole package alone. Under Node its WebAssembly runs on one thread. */
async function tfjs(packages: string, config: Config, size: BlockSize): Promise<Run> {
  const require = createRequire(packages);
  const tf = require('@tensorflow/tfjs') as Tf;
  const backend = '@tensorflow/tfjs-backend-wasm';
  const { setWasmPaths } = require(backend) as { setWasmPaths(folder: string): void };
  setWasmPaths(`${dirname(require.resolve(backend))}/`);
  if (!(await tf.setBackend('wasm'))) throw new Error('its wasm backend does not start');
  const { B, T, D, H, d, eps, inputs, tables } = await numbersOf(config, size);
  const put = ({ data, shape }: Numbers): TfTensor => tf.tensor(data, shape);
  const [cos, sin, mask] = tables.map(put);
  const norm = (x: TfTensor, weight: TfTensor): TfTensor =>
    tf.mul(tf.div(x, tf.sqrt(tf.add(tf.mean(tf.square(x), -1, true), eps))), weight);
  const rotated = (x: TfTensor): TfTensor => {
    const [a, b] = tf.split(x, 2, -1);
    return tf.add(tf.mul(x, cos), tf.mul(tf.concat([tf.neg(b), a], -1), sin));
  };
  const byHead = (x: TfTensor): TfTensor => tf.transpose(x, [0, 2, 1, 3]);
  const block = (...given: TfTensor[]): TfTensor => {
    const [x, ln1, attn, proj, ln2, w1, w2, down, bias] = given;
    const qkv = tf.split(tf.add(tf.matMul(norm(x, ln1), attn), bias), 3, -1);
    const [q, k, v] = qkv.map((each) => tf.reshape(each, [B, T, H, d]));
    const scores = tf.matMul(byHead(rotated(q)), byHead(rotated(k)), false, true);
    const probabilities = tf.softmax(tf.add(tf.mul(scores, 1 / Math.sqrt(d)), mask));
    const mixed = tf.reshape(byHead(tf.matMul(probabilities, byHead(v))), [B * T, D]);
    const attended = tf.add(x, tf.matMul(mixed, proj));
    const normed = norm(attended, ln2);
    const gate = tf.matMul(normed, w2);
    const gated = tf.mul(tf.matMul(normed, w1), tf.mul(gate, tf.sigmoid(gate)));
    return tf.sum(tf.add(attended, tf.matMul(gated, down)));
  };
  const tensors = inputs.map(put);
  const gradients = tf.grads(block);
  return async () => {
    const found = gradients(tensors);
    const result = await found[1].data();
    for (const each of found) each.dispose();
    return result;
  };
}
