import type { Device } from '../../tensor/device.ts';
import { scope } from '../../tensor/scope.ts';
import { elements, read, tensor } from '../../tensor/tensor.ts';
import { familyOf, tolerances, UNDERFLOW } from '../tolerances.ts';
import type { Case, Sizes } from './case.ts';
import { cases } from './cases.ts';

/** The worst element of a result. */
export interface Verdict {
  /** The error against what the table allows: at most 1 is a pass; infinite for what is no number. */
  readonly ratio: number;
  /** The largest error against the natural scale of its element. */
  readonly error: number;
  readonly text: string;
  /** Tensors and bytes left on the device: both 0. */
  readonly alive: number;
  readonly bytes: number;
}

export function caseOf(op: string): Case {
  const found = cases.find((candidate) => candidate.op === op);
  if (!found) throw new RangeError(`no case for ${op}`);
  return found;
}

/** Runs a case on a device, in Node or in a page, and compares every element with the float64 reference. */
export async function checkCase(device: Device, { op, sizes }: { op: string; sizes: Sizes }): Promise<Verdict> {
  const example = caseOf(op).example(sizes);
  const result = scope(() => {
    const inputs = Object.entries(example.inputs).map(([label, { data, shape }]) => [
      label,
      tensor(device, data, shape, { label }),
    ]);
    const output = example.run(Object.fromEntries(inputs), device);
    return { shape: output.shape, data: read(output) };
  });
  const data = await result.data;
  const [rows, columns] = example.shape;
  if (data.length !== rows * columns || elements(result.shape) !== data.length) {
    throw new RangeError(`${op}: ${data.length} elements as [${result.shape}], expected [${rows},${columns}]`);
  }
  const { absolute, relative } = tolerances[caseOf(op).op][familyOf(device.name)];
  let worst = { ratio: 0, error: 0, text: 'equal' };
  let largest = 0;
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const { value, scale } = example.element(row, column);
      const actual = data[row * columns + column];
      const distance = Number.isFinite(actual) ? Math.abs(actual - value) : Number.POSITIVE_INFINITY;
      const allowed = absolute * scale + relative * Math.abs(value) + (absolute + relative > 0 ? UNDERFLOW : 0);
      const ratio = distance === 0 ? 0 : distance / allowed;
      if (distance > UNDERFLOW) largest = Math.max(largest, distance / scale);
      if (ratio > worst.ratio) {
        worst = { ratio, error: 0, text: `[${row},${column}] is ${actual}, expected ${value} within ${allowed}` };
      }
    }
  }
  await device.queue.idle();
  return { ...worst, error: largest, alive: device.live.size, bytes: device.memory.bytes };
}
