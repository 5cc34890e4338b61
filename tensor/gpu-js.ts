import gpujs, { type GPU as Gpu, type IKernelRunShortcut } from 'gpu.js';
import type { Driver, HostData, Numbers } from './device.ts';
import { widenBfloat16 } from './dtype.ts';
import { DeviceError } from './error.ts';
import type { GpuJsMode } from './gpu-js-modes.ts';
import { type Computation, type Handle, isParallel, type Kernel, type Run, type Thread } from './kernel.ts';
import type { Resident } from './resident.ts';
import { glResident, whyNoHeadlessGl } from './resident-gl.ts';
import { webGpuResident } from './resident-webgpu.ts';
import type { Sizes } from './signature.ts';
import { elements } from './tensor.ts';
import { firstLine } from './text.ts';

const { GPU, Input } = gpujs;

/** GPU.js cuts every loop at this count (1,000 unless told otherwise), in silence. No int32 is larger, which is what it counts with. */
const LONGEST_LOOP = 2 ** 31 - 1;

/** Each size signature of a webasm kernel is a module with a memory of its own; GPU.js keeps the last 8, a model needs more. */
const MODULES_PER_KERNEL = 32;

/** A webasm module keeps the largest memory it ever had: one that took more elements than this is dropped after its run. */
const LARGEST_KEPT = 2 ** 28;

/** Indices are float32 outside `cpu`: past 2²⁴ they would silently name another element. */
const LARGEST_INDEX = 2 ** 24;

/** One kernel to run: recorded while the operation lists its kernels, carried out afterwards, one by one. */
interface Step {
  readonly kernel: Kernel;
  readonly shape: readonly [rows: number, columns: number];
  readonly inputs: readonly unknown[];
}

/** Float64 in mode `cpu`, which weights enter as the float32 and whole numbers as the int32 they are; float32 elsewhere. */
type Rows = readonly Row[];
type Row = Float32Array | Float64Array | Int32Array;

/** What GPU.js returns for a two-dimensional output: rows on the CPU, a handle where the result stays on the device. */
type Result = Rows | { toArray(): Rows | Promise<Rows>; delete(): void };

/**
 * GPU.js in one of its modes. Every tensor is `[columns, rows]` to GPU.js, the last dimension against all others, because
 * a result keeps the shape of its producer. One GPU.js kernel serves all sizes: the queue sets the output just before a
 * call.
 *
 * @param threads how many workers matrix products may use in `webasm`; a pool belongs to a kernel, so only they get one
 * @throws DeviceError when the mode is not to be had here
 */
export async function gpuJs(mode: GpuJsMode, threads: number): Promise<Driver> {
  const supported = {
    cpu: true,
    webasm: GPU.isWebAssemblySupported,
    webgl2: GPU.isWebGL2Supported,
    webgpu: GPU.isWebGPUSupported,
    headlessgl: GPU.isHeadlessGLSupported,
  }[mode];
  if (!supported) {
    const reason = mode === 'headlessgl' ? await whyNoHeadlessGl() : 'not available on this machine';
    throw new DeviceError(`GPU.js ${mode}: ${reason}; choose another device`);
  }

  const gpu: Gpu = new GPU({ mode });
  const compiled = new Map<Kernel, IKernelRunShortcut>();
  const resident = await residentOf();

  async function residentOf(): Promise<Resident | undefined> {
    if (mode === 'webgpu') return webGpuResident();
    // GPU.js types what only its GL modes have as something of its own.
    if (mode === 'webgl2' || mode === 'headlessgl')
      return glResident(mode, () => (gpu as { context?: WebGLRenderingContext | null }).context ?? null);
    return undefined;
  }

  /** Work on the device that can be trusted: see `Resident`. Where it failed, its loss is why. */
  async function sound<Value>(work: () => Value | Promise<Value>): Promise<Value> {
    resident?.requireAlive();
    try {
      return await work();
    } finally {
      resident?.requireAlive();
    }
  }

  function compile(kernel: Kernel): IKernelRunShortcut {
    const known = compiled.get(kernel);
    if (known) return known;
    const made = gpu.createKernel(
      kernel as never,
      {
        output: [1, 1],
        precision: 'single',
        tactic: 'precision',
        dynamicOutput: true,
        dynamicArguments: true,
        loopMaxIterations: LONGEST_LOOP,
        ...(resident ? { pipeline: true, immutable: true } : {}),
        ...(mode === 'webasm' && isParallel(kernel) && threads > 1 ? { asyncMode: true, poolSize: threads } : {}),
      } as object,
    );
    if (mode === 'webasm') Object.assign(made.kernel, { moduleCacheLimit: MODULES_PER_KERNEL });
    // JavaScript computes in float64; storing results as such too makes this mode the oracle. No setting says so.
    if (mode === 'cpu') Object.assign(made.kernel, { _getKernelResultTypeConstructorString: () => 'Float64Array' });
    compiled.set(kernel, made);
    return made;
  }

  async function execute({ kernel, shape: [rows, columns], inputs }: Step): Promise<unknown> {
    requireIndexable(rows, columns);
    const made = compile(kernel);
    resident?.requireRoom(rows, columns);
    made.setOutput([columns, rows]);
    // GPU.js types neither what a pipeline returns nor what a kernel says of itself.
    const result = (await sound(() => made(...(inputs as never[])))) as unknown as Result;
    const ran = made.kernel as unknown as Ran;
    const family = mode === 'webgl2' || mode === 'headlessgl' ? 'gpu' : mode; // what GPU.js calls all of GL
    if (ran.constructor.mode !== family) {
      const reason = ran.fallbackReason ?? 'no reason given';
      throw new DeviceError(`GPU.js ${mode}: ran on ${ran.constructor.mode} instead: ${reason}`);
    }
    if (mode === 'cpu' && !((result as Rows)[0] instanceof Float64Array)) {
      throw new DeviceError('GPU.js cpu: kept a result in float32; use the version of gpu.js in package.json');
    }
    const given = inputs.map((input) => (input instanceof Input ? input.value.length : 0));
    if (mode === 'webasm' && Math.max(...given) > LARGEST_KEPT) {
      made.destroy();
      compiled.delete(kernel);
    }
    // A webasm result is one buffer seen as rows: handing it on as a flat input saves copying it row by row.
    return mode === 'webasm' ? matrix(flatten(result as Rows, rows * columns), columns) : result;
  }

  return {
    name: mode,
    description: `GPU.js ${mode}${mode === 'webasm' ? `, ${threads} thread${threads === 1 ? '' : 's'}` : ''}`,
    async upload(load, shape) {
      const [rows, columns] = matrixShape(shape);
      resident?.requireRoom(rows, columns);
      const data = await load();
      if (mode === 'cpu') return rowsOf(data instanceof Uint16Array ? widenBfloat16(data) : data, columns);
      requireIndexable(rows, columns);
      const values = asFloats(data);
      const flat = matrix(values, columns);
      return resident ? execute({ kernel: copy, shape: [rows, columns], inputs: [flat] }) : flat;
    },
    async run(op: Computation, inputs, sizes: Sizes, _shape, onKernel) {
      const steps: Step[] = [];
      const run: Run = (kernel, shape, ...given) => {
        steps.push({ kernel, shape, inputs: given });
        return steps.at(-1) as unknown as Handle; // a step stands for its result until it has run
      };
      op.kernels(run, inputs as readonly Handle[], sizes);
      const results = new Map<unknown, unknown>();
      const last = steps.pop();
      const timed = async (step: Step): Promise<unknown> => {
        const start = performance.now();
        const result = await execute(resolved(step, results));
        onKernel?.(step.kernel.name || op.name, start, performance.now() - start);
        return result;
      };
      try {
        for (const step of steps) results.set(step, await timed(step));
        return await timed(last as Step);
      } finally {
        for (const intermediate of results.values()) release(intermediate);
      }
    },
    async read(storage, shape, dtype) {
      const copied = (values: Float32Array) => (dtype === 'int32' ? Int32Array.from(values) : values.slice());
      if (mode === 'webasm') return copied((storage as { value: Float32Array }).value);
      const rows = mode === 'cpu' ? (storage as Rows) : await readBack(storage as Exclude<Result, Rows>);
      // In float64 whole numbers are exact that float32 would round.
      if (mode === 'cpu' && dtype === 'int32') return Int32Array.from(rows.flatMap((row) => [...row]));
      return copied(flatten(rows, elements(shape)));
    },
    free: release,
    ...(resident ? { finish: resident.finish, largest: resident.largest } : {}),
    async close() {
      await gpu.destroy();
      await resident?.close();
    },
  };

  async function readBack(result: Exclude<Result, Rows>): Promise<Rows> {
    try {
      const rows = await sound(() => result.toArray());
      resident?.requireSound();
      return rows;
    } catch (error) {
      if (error instanceof DeviceError) throw error;
      throw new DeviceError(`GPU.js ${mode}: a result cannot be read, ${firstLine(error)}`, { cause: error });
    }
  }

  function requireIndexable(rows: number, columns: number): void {
    if (mode === 'cpu' || Math.max(rows, columns) <= LARGEST_INDEX) return;
    throw new DeviceError(`GPU.js ${mode}: [${rows},${columns}] has more than 2^24 rows or columns; split it`);
  }

  /** Everything but `cpu` keeps whole numbers as float32. */
  function asFloats(data: HostData): Float32Array {
    if (data instanceof Float32Array) return data;
    if (data instanceof Uint16Array) return widenBfloat16(data);
    const beyond = data.find((value) => Math.abs(value) > LARGEST_INDEX);
    if (beyond === undefined) return Float32Array.from(data);
    throw new DeviceError(
      `GPU.js ${mode}: ${beyond} is beyond 2^24, where whole numbers are not exact; use cpu or simd`,
    );
  }

  function release(storage: unknown): void {
    if (resident) (storage as Exclude<Result, Rows>).delete();
  }
}

/** A step whose inputs are results, where they were steps. */
function resolved(step: Step, results: ReadonlyMap<unknown, unknown>): Step {
  return { ...step, inputs: step.inputs.map((given) => results.get(given) ?? given) };
}

/** What a GPU.js kernel says of itself after a run: it may have fallen back to another mode. */
interface Ran {
  readonly fallbackReason?: string | null;
  readonly constructor: { readonly mode: string };
}

/** Moves host data to where results live, so that a kernel's inputs are always of one kind (WebGL2 insists on it). */
const copy: Kernel = function (this: Thread, x) {
  return x[this.thread.y][this.thread.x];
};

/** A shape as GPU.js sees it: rows of the last dimension. */
function matrixShape(shape: readonly number[]): [rows: number, columns: number] {
  const columns = shape.at(-1)!;
  return [elements(shape) / columns, columns];
}

function rowsOf(values: Numbers, columns: number): Rows {
  return Array.from({ length: values.length / columns }, (_, row) =>
    values.subarray(row * columns, (row + 1) * columns),
  );
}

/** The elements of all rows in one array, in float32; without a copy where the rows are views of one such buffer. */
function flatten(rows: Rows, count: number): Float32Array {
  const { buffer, byteOffset } = rows[0]!;
  const whole = byteOffset === 0 && buffer.byteLength === 4 * count && rows.at(-1)!.buffer === buffer;
  if (whole && rows[0] instanceof Float32Array) {
    return new Float32Array(buffer);
  }
  const flat = new Float32Array(count);
  let offset = 0;
  for (const row of rows) {
    flat.set(row, offset);
    offset += row.length;
  }
  return flat;
}

/** A flat array that kernels read as `x[row][column]`. */
function matrix(values: Float32Array, columns: number): InstanceType<typeof Input> {
  return new Input(values as unknown as number[], [columns, values.length / columns]); // typed for arrays, takes both
}
