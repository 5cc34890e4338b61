import gpujs from 'gpu.js';
import type { Matrix, Thread } from '../../tensor/op.ts';
import type { PreparedOnGpu } from './gpu-rung.ts';
import type { Problem } from './rung.ts';

const { GPU, Input } = gpujs;

/** GPU.js cuts longer loops, in silence. */
const LONGEST_LOOP = 2 ** 20;
const SETTINGS = { precision: 'single', tactic: 'precision', loopMaxIterations: LONGEST_LOOP } as const;

/** A result that stays on the GPU. */
interface Handle {
  toArray(): unknown;
  delete(): void;
}
/** As much of a GPU.js kernel as is used; GPU.js types none of it. */
interface Ran {
  readonly constructor: { readonly mode: string };
  readonly context: WebGL2RenderingContext;
  readonly fragShader: WebGLShader;
  readonly compiledSource: string;
}
type Kernel = ((...given: unknown[]) => unknown) & { readonly kernel: Ran };

/** Keeps data on the GPU: uploaded once, as weights are. */
const identity = function (this: Thread, x: Matrix) {
  return x[this.thread.y][this.thread.x];
};

export interface OnGpu {
  readonly mode: 'webgpu' | 'webgl2';
  /** Called with x, w and K; returns one result or, as `Array(4)`, four neighbouring ones. */
  readonly kernel: (this: Thread, x: Matrix, w: Matrix, K: number) => number | number[];
  readonly results: 1 | 4;
}

/** One thread of GPU.js for each result, or for each four; x and w stay on the GPU. */
export async function prepareOnGpu({ mode, kernel, results }: OnGpu, problem: Problem): Promise<PreparedOnGpu> {
  const { M, K, N, x, w } = problem;
  const gpu = new GPU({ mode });
  const resident = { ...SETTINGS, pipeline: true, immutable: true };
  const create = (body: unknown, output: number[]) =>
    gpu.createKernel(body as never, { ...resident, output } as object) as unknown as Kernel;
  const upload = async (values: Float32Array) =>
    (await create(identity, [K, values.length / K])(matrix(values, K))) as Handle;
  const given = [await upload(x), await upload(w)];
  const product = create(kernel, [N / results, M]);
  let rows: unknown;
  const run = async () => {
    const result = (await product(...given, K)) as Handle;
    rows = await result.toArray(); // so that it is done
    result.delete();
    requireMode(product.kernel, mode);
  };
  await run();
  return {
    run,
    result: async () => flat(rows),
    shader: shaderOf(product.kernel, mode),
    async close() {
      for (const each of given) each.delete();
      await gpu.destroy();
    },
  };
}

/** The product and its epilogue as one plan of `createPipeline`, which takes its arguments from the host at every call. */
export async function preparePlan(
  product: OnGpu['kernel'],
  epilogue: (this: Thread, y: Matrix, bias: Matrix) => number,
  { M, K, N, x, w, bias }: Problem,
): Promise<PreparedOnGpu> {
  const gpu = new GPU({ mode: 'webgpu' });
  const create = (body: unknown) =>
    gpu.createKernel(body as never, { ...SETTINGS, output: [N, M] } as object) as unknown as Kernel;
  const [first, second] = [create(product), create(epilogue)];
  const plan = (gpu as unknown as Planner).createPipeline((x, w, bias, size) => second(first(x, w, size), bias));
  let rows: unknown;
  const run = async () => {
    rows = await plan(matrix(x, K), matrix(w, K), matrix(bias, N), K);
    if (plan.backend !== 'webgpu') throw new Error(`GPU.js webgpu: the plan ran on ${plan.backend}`);
  };
  await run();
  const { compiledSource: text } = plan.pipeline.plan.kernels[0].clone.kernel;
  return {
    run,
    result: async () => flat(rows),
    shader: { language: 'wgsl', text },
    close: async () => void (await gpu.destroy()),
  };
}

interface Planner {
  createPipeline(plan: (...handles: unknown[]) => unknown): ((...given: unknown[]) => Promise<unknown>) & {
    readonly backend: string;
    readonly pipeline: { readonly plan: { readonly kernels: readonly { readonly clone: Kernel }[] } };
  };
}

const matrix = (values: Float32Array, columns: number) =>
  new Input(values as unknown as number[], [columns, values.length / columns]); // typed for arrays, takes both

/** What GPU.js returns: numbers in rows, or in rows of fours. */
const flat = (rows: unknown): number[] =>
  typeof rows === 'number' ? [rows] : Array.from(rows as ArrayLike<unknown>).flatMap(flat);

function requireMode(ran: Ran, mode: OnGpu['mode']): void {
  const family = mode === 'webgl2' ? 'gpu' : mode; // what GPU.js calls all of GL
  if (ran.constructor.mode !== family) throw new Error(`GPU.js ${mode}: ran on ${ran.constructor.mode} instead`);
}

function shaderOf(ran: Ran, mode: OnGpu['mode']): PreparedOnGpu['shader'] {
  if (mode === 'webgpu') return { language: 'wgsl', text: ran.compiledSource };
  return { language: 'glsl', text: ran.context.getShaderSource(ran.fragShader) ?? '' };
}
