import type { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { productModel } from './onnx.ts';
import { type Shape, transposedWeightData, xData } from './product-data.ts';

/** A product in another engine, its weights already where it wants them. */
export interface EngineProduct {
  /** Runs it once; the result is on the host. */
  run(): Promise<Float32Array>;
}

/** How each engine is set up for a product: `(require from the folder of peers, shape, threads)`. */
export const ENGINES = {
  'onnxruntime-web': onnxRuntime,
  'onnxruntime-node': onnxRuntime,
  tfjs,
} as const;
export type EngineName = keyof typeof ENGINES;

type Require = ReturnType<typeof createRequire>;

/** As much of onnxruntime-common as is used. */
interface Ort {
  readonly env: { readonly wasm: { numThreads?: number } };
  readonly InferenceSession: {
    create(model: Uint8Array, options: object): Promise<{ run(feeds: object): Promise<{ y: { data: Float32Array } }> }>;
  };
  readonly Tensor: new (type: 'float32', data: Float32Array, shape: readonly number[]) => object;
}

async function onnxRuntime(require: Require, name: EngineName, shape: Shape, threads: number): Promise<EngineProduct> {
  const ort = require(name) as Ort;
  if (name === 'onnxruntime-web') ort.env.wasm.numThreads = threads;
  const { M, K, N } = shape;
  const session = await ort.InferenceSession.create(productModel(M, K, N, transposedWeightData(shape)), {
    executionProviders: [name === 'onnxruntime-web' ? 'wasm' : 'cpu'],
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
  });
  const x = new ort.Tensor('float32', xData(shape), [M, K]);
  return { run: async () => (await session.run({ x })).y.data };
}

/** As much of tfjs as is used. */
interface Tf {
  setBackend(name: string): Promise<boolean>;
  tensor2d(data: Float32Array, shape: readonly [number, number]): unknown;
  matMul(x: unknown, w: unknown): { dataSync(): Float32Array; dispose(): void };
}

/** Its WebAssembly runs on one thread under Node: the code with threads starts its workers from a page only. */
async function tfjs(require: Require, _name: EngineName, shape: Shape): Promise<EngineProduct> {
  const tf = require('@tensorflow/tfjs-core') as Tf;
  const backend = '@tensorflow/tfjs-backend-wasm';
  const { setWasmPaths } = require(backend) as { setWasmPaths(folder: string): void };
  setWasmPaths(`${dirname(require.resolve(backend))}/`);
  if (!(await tf.setBackend('wasm'))) throw new Error('tfjs: its wasm backend does not start');
  const { M, K, N } = shape;
  const [x, w] = [tf.tensor2d(xData(shape), [M, K]), tf.tensor2d(transposedWeightData(shape), [K, N])];
  return {
    async run() {
      const y = tf.matMul(x, w);
      const data = y.dataSync();
      y.dispose();
      return data;
    },
  };
}
