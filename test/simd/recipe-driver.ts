import { expect } from 'vitest';
import { RECIPES } from '../../src/open-device.ts';
import type { Driver, HostData } from '../../tensor/device.ts';
import { elementCount } from '../../tensor/dtype.ts';
import type { Bank, Host } from '../../tensor/simd/bank.ts';
import { prepared } from '../../tensor/simd/inputs.ts';
import type { Recipe } from '../../tensor/simd/recipe.ts';
import type { Stored } from '../../tensor/simd/stored.ts';
import type { Guarded } from './guarded.ts';

/** In which pieces a kernel's units are taken. */
type Split = (units: number) => readonly (readonly [start: number, end: number])[];

const atOnce: Split = (units) => [[0, units]];

/** Odd pieces, the last one first. */
const inPieces: Split = (units) => {
  const cuts = [0, 1, 4, 9, 14, 27, 58].filter((cut) => cut < units);
  return cuts.map((cut, i) => [cut, cuts[i + 1] ?? units] as const).reverse();
};

/** What this device keeps of a tensor between two operations. */
interface Kept {
  readonly data: HostData;
  readonly shape: readonly number[];
}

/**
 * A device for tests alone: every operation starts in an empty memory and runs by its recipe, all units of a kernel at once; then
 * again, each kernel in odd pieces in odd order; and the bytes have to be the same. Inputs are weights the first time, which
 * products may turn into panels, and are none the second. It goes by the name of webasm, whose tolerances it has to keep.
 */
export function recipeDriver(memory: Guarded): Driver {
  return {
    name: 'webasm',
    description: 'SIMD recipes',
    upload: async (load, shape): Promise<Kept> => ({ data: await load(), shape }),
    run(...given): Kept {
      const [bytes, again] = [compute(memory, given, atOnce, true), compute(memory, given, inPieces, false)];
      expect(Buffer.compare(again, bytes)).toBe(0);
      const [{ signature }, , , shape] = given;
      const { buffer } = bytes;
      return { data: signature.output.dtype === 'int32' ? new Int32Array(buffer) : new Float32Array(buffer), shape };
    },
    read: (storage) => (storage as Kept).data.slice() as Float32Array | Int32Array,
    free: () => undefined,
    close: () => undefined,
  };
}

/** The bytes of the output. */
function compute(
  memory: Guarded,
  [op, inputs, sizes, shape]: Parameters<Driver['run']>,
  split: Split,
  weight: boolean,
): Uint8Array<ArrayBuffer> {
  const recipe = RECIPES.operations.find((each) => each.op === op.name);
  if (!recipe) throw new RangeError(`${op.name} has no recipe`);
  const bank = bankOf(memory, recipe, split);
  const store = (shape: readonly number[], at: number, type: Stored['type'], weight: boolean): Stored => {
    return { bank, at, shape, type, weight, layout: 'rows', missed: undefined, packed: undefined };
  };
  const kept = inputs as readonly (Kept | undefined)[];
  const places = kept.map((input) => input && memory.put(input.data));
  const stored = kept.map((input, i) => {
    return input && store(input.shape, places[i]!, input.data instanceof Int32Array ? 'int32' : 'float32', weight);
  });
  const length = 4 * elementCount(shape);
  const output = store(shape, memory.allocate(length), op.signature.output.dtype, false);
  recipe.run(bank.host, prepared(op, recipe, RECIPES.elements, stored, { bank, output }), sizes, output);
  const bytes = memory.bytes(output.at, length);
  for (const [i, input] of kept.entries()) {
    if (!input || (recipe.main?.as === 'output' && recipe.main.input === i)) continue;
    const { buffer, byteOffset, byteLength } = input.data;
    const name = `${op.name} leaves ${op.signature.inputs[i].name} as it is`;
    expect(
      Buffer.compare(memory.bytes(places[i]!, byteLength), new Uint8Array(buffer, byteOffset, byteLength)),
      name,
    ).toBe(0);
  }
  memory.clear();
  return bytes;
}

/** A memory that runs each kernel when it is recorded, if the recipe has named it. What is freed stays as it is. */
function bankOf(memory: Guarded, { op, kernels }: Recipe, split: Split): Bank {
  const known = new Set([...kernels, ...RECIPES.elements.kernels].map(({ name }) => name));
  const { allocate } = memory;
  const free = () => undefined;
  const host: Host = {
    op,
    heap: { allocate, free },
    run(kernel, given, units) {
      expect(known, `the kernels of ${op}`).toContain(kernel.name);
      for (const [start, end] of split(units)) memory.run(kernel, { ...given, start, end } as never);
    },
    temporary: allocate,
  };
  // Operations are computed in one memory, and end where they began: the rest of a bank is not for recipes.
  const unused = () => {
    throw new RangeError(`${op} uses more of its memory than a host`);
  };
  const views = { floats: unused, integers: unused, bytes: unused };
  return {
    host,
    get heap() {
      return unused();
    },
    ...views,
    during: unused,
    flush: unused,
    close: unused,
  };
}
