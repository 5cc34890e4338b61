import { after } from './after.ts';
import type { Launch, OnKernel } from './device.ts';
import type { Computation } from './kernel.ts';
import type { Sizes } from './signature.ts';
import { path } from './tap.ts';
import { elements, storageOf, type Tensor } from './tensor.ts';

/** An operation with what it is launched on. */
interface Launched {
  readonly op: Computation;
  readonly inputs: readonly (Tensor | undefined)[];
  readonly sizes: Sizes;
}

/** What a listener is told of a launch: its price, before it has run. @param asked when the program asked for it */
export function described({ op, inputs, sizes }: Launched, output: Tensor, asked: number): Launch {
  const cost = op.cost(sizes, { inputs, weightBytes: 4 });
  return {
    op: op.name,
    signature: op.signature,
    sizes,
    path: path(),
    inputs: inputs.map((input) => input?.shape),
    shape: output.shape,
    operations: cost.operations,
    bytes: bytesOf(cost, inputs, output.shape),
    asked,
    launching: undefined,
    start: undefined,
    milliseconds: undefined,
    kernels: undefined,
  };
}

/**
 * Runs a launch when its turn has come, and notes for how long, and its kernels where a listener wants to know them.
 *
 * @param start when its turn came
 */
export function timed(
  launch: Launch,
  { op, inputs, sizes }: Launched,
  start: number,
  run: (onKernel?: OnKernel) => unknown,
): unknown {
  const { kernels } = launch;
  launch.start = start;
  // Only now is it known how the device keeps its weights.
  const weightBytes = inputs
    .map((input) => input?.device.driver.weightBytes?.(storageOf(input)))
    .find((bytes) => bytes !== undefined);
  if (weightBytes !== undefined) {
    launch.bytes = bytesOf(op.cost(sizes, { inputs, weightBytes }), inputs, launch.shape);
  }
  return after(
    () => run(kernels && ((name, start, milliseconds) => void kernels.push({ name, start, milliseconds }))),
    (storage) => {
      launch.milliseconds = performance.now() - start;
      return storage;
    },
    (error) => {
      launch.milliseconds = performance.now() - start;
      throw error;
    },
  );
}

/** What a cost declares, or every input and the output. */
function bytesOf(
  { bytes }: { bytes?: number },
  inputs: readonly (Tensor | undefined)[],
  output: readonly number[],
): number {
  if (bytes !== undefined) return bytes;
  return 4 * inputs.reduce((sum, input) => sum + (input ? elements(input.shape) : 0), elements(output));
}
