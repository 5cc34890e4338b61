import { after } from '../after.ts';
import type { Driver, Float16Bits, HostData } from '../device.ts';
import { ELEMENT_BYTES, elementCount, widenBfloat16 } from '../dtype.ts';
import { DeviceError } from '../error.ts';
import type { Op } from '../op.ts';
import { features } from '../wasm/features.ts';
import { type Bank, createBank } from './bank.ts';
import { homeOf, prepared } from './inputs.ts';
import { compileKernels } from './kernels.ts';
import { kernelsOf, type Recipes } from './recipe.ts';
import { type Stored, sizeOf } from './stored.ts';

/** A 32-bit memory ends at 4 GiB. */
const MOST_PAGES = 65_536;
const PAGE = 65_536;

/** What is uploaded may take so much of a bank: the rest is for activations, and for packing the largest weight, 1.2 GB. */
const SHARE_FOR_UPLOADS = 0.6;

/** Where threads share memory: in Node, and in pages that are isolated from other origins. */
const canShare = (): boolean =>
  typeof SharedArrayBuffer !== 'undefined' &&
  (globalThis as { crossOriginIsolated?: boolean }).crossOriginIsolated !== false;

/**
 * WebAssembly kernels with SIMD, on several threads where memory can be shared. Results are the same bytes for any number of
 * threads, and of memories: an operation runs in the memory of its weight, or of its largest input, and what lies elsewhere is
 * copied there while it runs. Operations are recorded: a list of them runs when something is read or uploaded, or the list is
 * full.
 *
 * @param recipes how each operation runs
 * @param mostPages that a memory may have; tests make it small
 * @throws DeviceError where WebAssembly has no SIMD
 */
export async function simd(recipes: Recipes, wantedThreads: number, mostPages = MOST_PAGES): Promise<Driver> {
  const shared = canShare();
  const threads = shared ? wantedThreads : 1;
  const engine = features();
  if (!engine.simd)
    throw new DeviceError('simd: this JavaScript engine has no WebAssembly SIMD; choose another device');
  const module = compileKernels(kernelsOf(recipes), shared, engine);
  const { elements } = recipes;
  const operations = new Map(recipes.operations.map((recipe) => [recipe.op, recipe]));
  const open = () => createBank(module, { threads, shared, mostPages });
  const banks = [await open()];

  function allocate(bank: Bank, shape: readonly number[], type: Stored['type'], weight: boolean): Stored {
    const stored: Stored = { bank, at: 0, shape, type, weight, layout: 'rows', missed: undefined, packed: undefined };
    stored.at = bank.heap.allocate(sizeOf(stored));
    return stored;
  }

  function release({ bank, at }: Stored): void {
    bank.heap.free(at);
  }

  /** The first bank with room, or a new one. */
  function bankFor(bytes: number): Bank | Promise<Bank> {
    const found = banks.find(({ heap }) => heap.used + bytes <= SHARE_FOR_UPLOADS * mostPages * PAGE);
    if (found) return found;
    return open().then((opened) => {
      banks.push(opened);
      return opened;
    });
  }

  function uploaded(given: HostData, shape: readonly number[]): Stored | Promise<Stored> {
    // Biases and the weights of norms are small, and added to float32.
    const data = given instanceof Uint16Array && shape.length === 1 ? widenBfloat16(given) : given;
    return after(
      () => bankFor(data.byteLength),
      (bank) => {
        const stored = allocate(bank, shape, typeOf(data), true);
        bytesOf(stored).set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
        return stored;
      },
    );
  }

  /** Vectors are small, and what is infinite or NaN is not widened in registers. */
  function float16Uploaded(given: Float16Bits, shape: readonly number[]): Stored | Promise<Stored> {
    const { float16 } = given;
    if (shape.length === 1 || float16.some((bits) => (bits & 0x7c00) === 0x7c00))
      return uploaded(given.onHost(), shape);
    return after(
      () => bankFor(float16.byteLength),
      (bank) => {
        const stored = allocate(bank, shape, 'float16', true);
        bytesOf(stored).set(new Uint8Array(float16.buffer, float16.byteOffset, float16.byteLength));
        return stored;
      },
    );
  }

  return {
    name: 'simd',
    description: `WebAssembly SIMD${engine.relaxed ? ' with fused multiply-add' : ''}, ${threads} thread${threads === 1 ? '' : 's'}${shared ? '' : ' (memory cannot be shared here)'}`,
    bfloat16: true,
    weightBytes(storage) {
      const { type, shape } = storage as Stored;
      const small = type === 'bfloat16' || type === 'float16' || type === 'int4';
      return small ? sizeOf(storage as Stored) / elementCount(shape) : undefined;
    },
    upload: (load, shape) => after(load, (given) => uploaded(given, shape)),
    // 0.24 ns an element on two threads, 2.3 s for the published model, where JavaScript takes 6.5 ns: all threads draw, in place, in
    // the list where everything runs, so that there is nothing left to overlap with arithmetic.
    async draw(drawn, shape) {
      const type = drawn.bfloat16 && shape.length > 1 ? 'bfloat16' : 'float32';
      const stored = allocate(await bankFor(drawn.length * ELEMENT_BYTES[type]), shape, type, true);
      stored.bank.during('draw', undefined, (host) => elements.draw(host, drawn, stored));
      return stored;
    },
    async pack(matrix, shape) {
      if ('float16' in matrix) return float16Uploaded(matrix, shape);
      const parts = elements.int4Parts(matrix);
      const bank = await bankFor(parts.bytes);
      const at = bank.heap.allocate(parts.bytes);
      elements.writeInt4(matrix, parts, bank.bytes(at, parts.bytes));
      const stored: Stored = {
        ...{ bank, at, shape, type: 'int4', int4: parts, weight: true },
        ...{ layout: 'panels of rows', missed: undefined, packed: undefined },
      };
      return stored;
    },
    run(op: Op, inputs, sizes, shape, onKernel) {
      const recipe = operations.get(op.name);
      if (!recipe) throw new DeviceError(`simd: there is no kernel for ${op.name}; choose another device`);
      const given = inputs as readonly Stored[];
      return after(
        () => homeOf(recipe, given) ?? bankFor(4 * elementCount(shape)),
        (bank) => {
          const output = allocate(bank, shape, op.signature.output.dtype, false);
          try {
            bank.during(op.name, onKernel, (host) =>
              recipe.run(host, prepared(op, recipe, elements, given, { bank, output }), sizes, output),
            );
            return output;
          } catch (error) {
            release(output);
            throw error;
          }
        },
      );
    },
    read: (storage) => {
      const stored = storage as Stored;
      return stored.bank.during('read', undefined, (host) => {
        const { at, shape, type } = elements.asWords(host, stored);
        const count = elementCount(shape);
        return type === 'int32' ? stored.bank.integers(at, count).slice() : stored.bank.floats(at, count).slice();
      });
    },
    free: (storage) => release(storage as Stored),
    flush() {
      for (const bank of banks) {
        try {
          bank.flush();
        } catch {
          // The next operation or read in this bank throws it again.
        }
      }
    },
    async close() {
      await Promise.all(banks.map((bank) => bank.close()));
    },
  };
}

const bytesOf = (stored: Stored): Uint8Array => stored.bank.bytes(stored.at, sizeOf(stored));

const typeOf = (data: HostData): Stored['type'] =>
  data instanceof Int32Array ? 'int32' : data instanceof Uint16Array ? 'bfloat16' : 'float32';
