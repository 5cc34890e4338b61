import { DeviceError } from '../error.ts';
import type { Op } from '../op.ts';
import type { Bank, Host } from './bank.ts';
import type { Elements, Recipe } from './recipe.ts';
import { type Stored, sizeOf } from './stored.ts';

type Inputs = readonly (Stored | undefined)[];

/** Where an operation runs, if it has inputs: its main one is never copied, and where there is none the largest is not. */
export function homeOf({ main }: Recipe, inputs: Inputs): Bank | undefined {
  if (main) return inputs[main.input]!.bank;
  let home: Stored | undefined;
  for (const input of inputs) if (input && (!home || sizeOf(input) > sizeOf(home))) home = input;
  return home?.bank;
}

/** The inputs of an operation as its recipe takes them, in the memory where it runs. What they are not yet is made in temporary room. */
export function prepared(
  { name, signature }: Op,
  { main }: Recipe,
  elements: Elements,
  inputs: Inputs,
  { bank, output }: { readonly bank: Bank; readonly output: Stored },
): Stored[] {
  const { host } = bank;
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
    const here = input.bank === bank ? input : brought(elements, bank, input);
    if (index !== main?.input) return elements.asWords(host, here);
    if (main.as === 'rows') return elements.asRows(host, here);
    const alone = inputs.indexOf(input) === inputs.lastIndexOf(input);
    // What is given twice is taken as rows beside, and may not lose them.
    if (main.as === 'matrix') return alone ? here : { ...here, weight: false };
    return begin(elements, host, here, output, alone);
  }) as Stored[];
}

/** The elements of a consumed tensor in the output: in its very place, where it holds them as they will be. */
function begin(elements: Elements, host: Host, consumed: Stored, output: Stored, alone: boolean): Stored {
  const rows = elements.asWords(host, consumed);
  if (rows === consumed && alone) {
    [output.at, consumed.at] = [consumed.at, output.at];
  } else {
    elements.copy(host, rows, output);
  }
  return output;
}

/** A tensor in another memory, until the operation ends. */
function brought(elements: Elements, bank: Bank, stored: Stored): Stored {
  const { host } = bank;
  return stored.bank.during(host.op, undefined, (there) => {
    const rows = elements.asRows(there, stored);
    const bytes = sizeOf(rows);
    const at = host.temporary(bytes);
    bank.bytes(at, bytes).set(stored.bank.bytes(rows.at, bytes));
    return { ...rows, bank, at, layout: 'rows', weight: false };
  });
}
