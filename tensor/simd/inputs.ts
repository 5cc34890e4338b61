import { columns } from '../../kernels/simd/columns.ts';
import { DeviceError } from '../error.ts';
import type { Op } from '../op.ts';
import type { Bank, Host } from './bank.ts';
import { asRows, plain, type Stored, sizeOf } from './stored.ts';
import { MAIN } from './twins.ts';

type Inputs = readonly (Stored | undefined)[];

/** Where an operation runs, if it has inputs: its main one is never copied, and where there is none the largest is not. */
export function homeOf({ name }: Op, inputs: Inputs): Bank | undefined {
  const main = MAIN.get(name);
  if (main) return inputs[main.input]!.bank;
  let home: Stored | undefined;
  for (const input of inputs) if (input && (!home || sizeOf(input) > sizeOf(home))) home = input;
  return home?.bank;
}

/**
 * The inputs of an operation as its twin takes them (see MAIN), in the memory where it runs. What they are not yet is made in
 * temporary room.
 */
export function prepared({ name, signature }: Op, inputs: Inputs, bank: Bank, output: Stored): Stored[] {
  const { host } = bank;
  const main = MAIN.get(name);
  return inputs.map((input, index) => {
    if (!input) return input;
    const { dtype } = signature.inputs[index];
    // Nearly always it is there, and as it is wanted.
    const ready = input.type === dtype && input.layout === 'rows' && input.bank === bank;
    if (ready && index !== main?.input) return input;
    if ((input.type === 'int32') !== (dtype === 'int32')) {
      throw new DeviceError(
        `simd: ${name} takes ${signature.inputs[index].name} as ${dtype}, and it holds ${input.type}`,
      );
    }
    const here = input.bank === bank ? input : brought(host, bank, input);
    if (index !== main?.input) return plain(host, here);
    if (main.as === 'rows') return asRows(host, here);
    const alone = inputs.indexOf(input) === inputs.lastIndexOf(input);
    // What is given twice is taken as rows beside, and may not lose them.
    if (main.as === 'matrix') return alone ? here : { ...here, weight: false };
    return begin(host, here, output, alone);
  }) as Stored[];
}

/** The elements of a consumed tensor in the output: in its very place, where it holds them as they will be. */
function begin(host: Host, consumed: Stored, output: Stored, alone: boolean): Stored {
  const rows = plain(host, consumed);
  if (rows === consumed && alone) {
    [output.at, consumed.at] = [consumed.at, output.at];
  } else {
    const [M, D] = consumed.shape;
    host.run(columns, { x: rows.at, y: output.at, C: D, first: 0, width: D, stride: D, groups: 1 }, M, M * D);
  }
  return output;
}

/** A tensor in another memory, until the operation ends. */
function brought(host: Host, bank: Bank, stored: Stored): Stored {
  const bytes = sizeOf(stored);
  const at = host.temporary(bytes);
  stored.bank.during(host.op, undefined, (there) => {
    const rows = there.bytes(asRows(there, stored).at, bytes);
    host.bytes(at, bytes).set(rows);
  });
  return { ...stored, bank, at, layout: 'rows', weight: false };
}
