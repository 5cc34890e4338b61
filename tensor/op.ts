import { after } from './after.ts';
import type { Device, OnKernel } from './device.ts';
import type { Computation } from './kernel.ts';
import { described, timed } from './observe.ts';
import { bind, type Sizes } from './signature.ts';
import { path } from './tap.ts';
import { type Differentiable, record } from './tape.ts';
import { allocate, requireLive, settling, storageOf, type Tensor } from './tensor.ts';

// With `Op` and `launch`, all that an operation's file is written with.
export { type Handle, isParallel, type Kernel, type Matrix, parallel, type Run, type Thread } from './kernel.ts';

/** An operation: what it computes (its doc comment), on which shapes and by which kernels, at which cost, and how it is differentiated. */
export interface Op extends Computation, Differentiable {
  /**
   * Checks what the host knows of the numbers that point into other inputs: on a device nobody does, and what lies beyond a tensor
   * is taken for a part of it.
   *
   * @throws RangeError naming the operation and the number
   */
  check?(sizes: Sizes, inputs: readonly (Tensor | undefined)[]): void;
}

/**
 * The one way an operation runs: checks lifetimes and shapes now, and queues the work. An input that failed poisons the
 * output; the first read throws its error.
 *
 * @param on the device, for an operation without inputs
 * @throws UseAfterFreeError, ShapeError, RangeError
 */
export function launch(op: Op, inputs: readonly (Tensor | undefined)[], attributes: Sizes = {}, on?: Device): Tensor {
  const present = inputs.filter((input) => input !== undefined);
  const device = on ?? present[0]!.device;
  const { onLaunch } = device;
  const asked = onLaunch ? performance.now() : 0;
  for (const [index, input] of inputs.entries()) {
    if (input) requireLive(op.name, op.signature.inputs[index]?.name ?? `input ${index}`, input);
  }
  const { sizes, shape } = bind(op.name, op.signature, inputs, attributes);
  op.check?.(sizes, inputs);
  const stranger = present.find((input) => input.device !== device);
  if (stranger) throw new TypeError(`${op.name}: its inputs live on ${device.name} and on ${stranger.device.name}`);

  const output = allocate(device, op.name, shape, op.signature.output.dtype);
  const block = path();
  // What nobody hears of is neither priced nor timed.
  const work = { op, inputs, sizes, shape, device, block };
  const heard = onLaunch && described(work, output, asked);
  if (heard) onLaunch(heard, output, inputs);
  // No function here has a name of its own: the TypeScript loader would give it one anew at every launch.
  device.queue.push(
    settling(
      output,
      heard ? (now) => timed(heard, work, now, (onKernel) => carryOut(work, onKernel)) : () => carryOut(work),
    ),
  );
  record(op, inputs, output, sizes, block);
  if (heard) heard.launching = performance.now() - asked;
  return output;
}

/** A launch as its turn in the queue finds it. */
interface Work {
  readonly op: Op;
  readonly inputs: readonly (Tensor | undefined)[];
  readonly sizes: Sizes;
  readonly shape: readonly number[];
  readonly device: Device;
  /** The path of the block that it belongs to: errors say it. */
  readonly block: string;
}

function carryOut({ op, inputs, sizes, shape, device, block }: Work, onKernel?: OnKernel): unknown {
  const storages = inputs.map((input) => input && storageOf(input));
  return after(
    () => device.driver.run(op, storages, sizes, shape, onKernel),
    itself,
    (error) => {
      throw new Error(`${block ? `${block}: ` : ''}${op.name} failed on ${device.name}`, { cause: error });
    },
  );
}

const itself = <Value>(value: Value): Value => value;
