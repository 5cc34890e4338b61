import { sum } from '../../kernels/add.ts';
import type { Device } from '../../tensor/device.ts';
import { differentiate } from '../../tensor/gradient.ts';
import { scope } from '../../tensor/scope.ts';
import { block, tap } from '../../tensor/tap.ts';
import { read, type Tensor, tensor } from '../../tensor/tensor.ts';
import { draw, type Given, type Sizes } from './case.ts';
import { caseOf } from './check.ts';

/** The farthest that a gradient is from central differences, as a share of what is allowed. */
export interface GradientVerdict {
  readonly ratio: number;
  readonly text: string;
  /** Elements that were compared. */
  readonly compared: number;
  /** Tensors and bytes left on the device: both 0. */
  readonly alive: number;
  readonly bytes: number;
}

/** So many elements of each input are moved. */
const MOVED = 5;

/** Inputs of floating-point numbers that the host makes, and that have no gradient. */
const TABLES = new Set(['rotary.cos', 'rotary.sin', 'scaleRows.factor']);

/** Relative to the element, or to a tenth for smaller ones. The data of an example are float32, which is fine enough for that. */
const STEP = 2 ** -8;

/** Of the largest element of the gradient: far more than float32 needs, far less than any wrong formula. */
const ALLOWED = 1e-3;

/**
 * The gradient of `Σ c · y` for an operation on a device, c drawn at random, against central differences of the case's `element`, which
 * is float64 straight from the equation: of fourth order, whose distance from those of second order is allowed too.
 */
export async function checkGradients(
  device: Device,
  { op, sizes }: { op: string; sizes: Sizes },
): Promise<GradientVerdict> {
  const example = caseOf(op).example(sizes);
  const [rows, columns] = example.shape;
  const { floats, integer } = draw(sizes.seed + 1);
  const c = floats([rows, columns]);
  const found = new Map<string, Promise<ArrayLike<number>>>();
  scope(() => {
    const inputs: Record<string, Tensor> = {};
    for (const [label, { data, shape }] of Object.entries(example.inputs)) {
      inputs[label] = tensor(device, data, shape, { label });
    }
    differentiate(() => block('', inputs, (given) => tap('y', example.run(given, device))), {
      trains: (label) => example.inputs[label]?.data instanceof Float32Array && !TABLES.has(`${op}.${label}`),
      take: (label, gradient) => void found.set(label, read(gradient)),
      hear: (name, gradient) => (name === 'y' ? tensor(device, c.data, gradient.shape) : undefined),
      sum,
    });
  });

  function loss(): number {
    let total = 0;
    for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) total += c.at(i, j) * example.element(i, j).value;
    return total;
  }
  function moved({ data }: Given, at: number, by: number): number {
    const before = data[at];
    data[at] = before + by;
    const result = loss();
    data[at] = before;
    return result;
  }

  let worst = { ratio: 0, text: 'equal' };
  let compared = 0;
  for (const [label, gradient] of found) {
    const values = await gradient;
    const given = example.inputs[label];
    const largest = Array.from(values).reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    for (let i = 0; i < MOVED; i++) {
      const at = integer(0, values.length - 1);
      const step = STEP * Math.max(0.1, Math.abs(given.data[at]));
      const near = (moved(given, at, step) - moved(given, at, -step)) / (2 * step);
      const far = (moved(given, at, 2 * step) - moved(given, at, -2 * step)) / (4 * step);
      const expected = (4 * near - far) / 3;
      const allowed = ALLOWED * Math.max(largest, Math.abs(expected)) + Math.abs(expected - near) + 1e-9;
      const ratio = Math.abs(values[at] - expected) / allowed;
      if (!(ratio <= worst.ratio)) worst = { ratio, text: `d${label}[${at}] is ${values[at]}, expected ${expected}` };
      compared++;
    }
  }
  await device.queue.idle();
  return { ...worst, compared, alive: device.live.size, bytes: device.memory.bytes };
}
