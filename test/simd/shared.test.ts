import * as fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { columns } from '../../kernels/columns.ts';
import { openDevice, RECIPES } from '../../src/open-device.ts';
import { closeDevice, createDevice, type Device, type HostData } from '../../tensor/device.ts';
import { roundToBfloat16, widenBfloat16 } from '../../tensor/dtype.ts';
import { UseAfterFreeError } from '../../tensor/error.ts';
import { scope } from '../../tensor/scope.ts';
import { simd } from '../../tensor/simd/driver.ts';
import { read, type Tensor, tensor } from '../../tensor/tensor.ts';
import { draw } from '../kernels/case.ts';
import { CONSUMING } from '../kernels/cases.ts';
import { launchUse, operations, type Use, usesOf } from './uses.ts';

/** Multiples of a panel's 8 rows and not, squares (so that a tensor can stand at both sides of a product) and not. */
const SHAPES: readonly (readonly number[])[] = [[16, 16], [9, 9], [24, 8], [16]];

/** How a tensor of bfloat16 numbers comes to be: all hold the same. */
const KINDS = ['float32', 'bfloat16', 'made'] as const;

/** How many memories were made. */
let memories = 0;
const { Memory } = WebAssembly;
class Counted extends Memory {
  constructor(size: WebAssembly.MemoryDescriptor) {
    super(size);
    memories++;
  }
}
beforeAll(() => Object.assign(WebAssembly, { Memory: Counted }));
afterAll(() => Object.assign(WebAssembly, { Memory }));

/** All uses of a tensor of each shape. */
const uses = new Map<readonly number[], readonly Use[]>();

beforeAll(async () => {
  const found = await operations();
  expect(found.map(({ op }) => op.name).sort()).toEqual(RECIPES.operations.map(({ op }) => op).sort());
  for (const shape of SHAPES) {
    uses.set(
      shape,
      found.flatMap((operation) => {
        const all = usesOf(operation, shape);
        for (const { name, sizes } of all) {
          expect(Object.keys(sizes).sort(), `${name}, by the attributes of its case`).toEqual(operation.names);
        }
        return all;
      }),
    );
  }
  const unused = found.filter(({ op }) => ![...uses.values()].flat().some((use) => use.op === op));
  expect(unused.map(({ op }) => op.name)).toEqual(['zeros', 'clipFactor']); // one has no inputs, one takes a single number
});

/** A use, or a read; the output, or the tensor. */
function use(how: Use | 'read', used: Tensor, others: readonly (Tensor | undefined)[]): Tensor {
  if (how !== 'read') return launchUse(how, used, others);
  read(used);
  return used;
}

/** What it gives. */
const result = (...given: Parameters<typeof use>): Promise<HostData> => read(use(...given));

/** What stands at the other inputs. A cache is consumed, so it has to be another each time. */
function othersOf(device: Device, how: Use | 'read'): (Tensor | undefined)[] {
  return how === 'read' ? [] : how.others.map((other) => other && tensor(device, other.data, other.shape));
}
const lasts = (how: Use | 'read') => how === 'read' || !CONSUMING.includes(how.op.name);

const nameOf = (how: Use | 'read') => (how === 'read' ? how : how.name);

/** Far from what rounding does, and near to what another element would. The root of a negative number is NaN everywhere. */
function differs(actual: HostData, expected: HostData): boolean {
  let largest = 0;
  for (const value of expected) if (Math.abs(value) > largest) largest = Math.abs(value);
  const near = (a: number, b: number) => Object.is(a, b) || Math.abs(a - b) <= 1e-5 * largest;
  if (actual.length !== expected.length) return true;
  for (let i = 0; i < actual.length; i++) if (!near(actual[i], expected[i])) return true;
  return false;
}

test.each(
  SHAPES.map((shape) => ({ shape })),
)('a tensor of $shape gives what it gives on cpu, whatever used it before', async ({ shape }) => {
  const all = [...uses.get(shape)!, 'read' as const];
  const values = widenBfloat16(roundToBfloat16(draw(7).floats(shape).data as Float32Array));
  const bits = roundToBfloat16(values);

  const { device: cpu } = await openDevice('cpu');
  const expected = new Map<Use | 'read', HostData>();
  for (const how of all) {
    expected.set(how, await scope(() => ({ data: result(how, tensor(cpu, values, shape), othersOf(cpu, how)) })).data);
  }
  await closeDevice(cpu);

  const wrong: string[] = [];
  for (const threads of [1, 2]) {
    memories = 0;
    // So small that whatever is left behind would soon need another memory.
    const device = createDevice(await simd(RECIPES, threads, 64));
    const made = (kind: (typeof KINDS)[number]): Tensor => {
      const uploaded = tensor(device, kind === 'bfloat16' ? bits : values, shape);
      return kind === 'made' ? columns(uploaded, { start: 0, width: shape[1] }) : uploaded;
    };
    const lasting = new Map(all.filter(lasts).map((how) => [how, othersOf(device, how)]));
    const others = (how: Use | 'read') => lasting.get(how) ?? othersOf(device, how);
    // Who computes decides nothing of how a tensor is kept: one thread says enough of it. What an operation made is never turned around.
    for (const kind of threads > 1 ? [KINDS[1]] : shape.length === 2 ? KINDS : KINDS.slice(0, 2)) {
      for (const first of all) {
        const results = scope(() =>
          all.map((second) => {
            const used = made(kind);
            use(first, used, others(first));
            if (first === 'read' || !first.consumes) return result(second, used, others(second));
            expect(() => use(second, used, others(second))).toThrow(UseAfterFreeError);
            return undefined;
          }),
        );
        for (const [index, data] of results.entries()) {
          if (!data || !differs(await data, expected.get(all[index])!)) continue;
          wrong.push(`${threads} threads, ${kind}: ${nameOf(first)}, then ${nameOf(all[index])}`);
        }
      }
    }
    expect(memories).toBe(1);
    await closeDevice(device);
  }
  expect(wrong).toEqual([]);
});

test('a tensor that is used again and again gives the same bytes as a new one', async () => {
  const shape = SHAPES[1];
  const all = uses.get(shape)!.filter(({ consumes }) => !consumes);
  const products = all.filter(({ op }) => op.name === 'linear' || op.name === 'matmul');
  const device = createDevice(await simd(RECIPES, 2, 32));
  const bits = roundToBfloat16(draw(7).floats(shape).data as Float32Array);
  const of = (how: Use, used: Tensor) => result(how, used, othersOf(device, how));
  const sequence = fc.array(fc.oneof(fc.constantFrom(...all), fc.constantFrom(...products)), { maxLength: 16 });
  await fc.assert(
    fc.asyncProperty(sequence, fc.boolean(), async (list, narrow) => {
      const data = narrow ? bits : widenBfloat16(bits);
      const { again, anew } = scope(() => {
        const used = tensor(device, data, shape);
        return {
          again: list.map((how) => of(how, used)),
          anew: list.map((how) => of(how, tensor(device, data, shape))),
        };
      });
      expect(await Promise.all(again)).toEqual(await Promise.all(anew));
    }),
    { numRuns: 100 },
  );
  await closeDevice(device);
});
