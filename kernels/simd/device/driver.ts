import { after } from '../../../tensor/after.ts';
import type { Driver, HostData } from '../../../tensor/device.ts';
import { widenBfloat16 } from '../../../tensor/dtype.ts';
import { DeviceError } from '../../../tensor/error.ts';
import type { Op } from '../../../tensor/op.ts';
import type { Sizes } from '../../../tensor/signature.ts';
import { elements } from '../../../tensor/tensor.ts';
import { DRAWN_AT_ONCE, draw } from '../draw.ts';
import { compileKernels } from '../kernels.ts';
import { features } from '../wasm/features.ts';
import { WEIGHT_BYTES } from '../weights.ts';
import { type Bank, createBank, type Host } from './bank.ts';
import { HOMES, TAKE_BFLOAT16, TWINS } from './twins.ts';
import { type MatrixLayout, widen } from './weights.ts';

/** Where a tensor's elements lie. */
export interface Stored {
  readonly bank: Bank;
  at: number;
  readonly shape: readonly number[];
  readonly type: 'float32' | 'int32' | 'bfloat16';
  /** How a weight was laid out before it was packed into panels, where it lies now. */
  packed: MatrixLayout | undefined;
  /** Packed copies of parts of a weight that stays as it is. */
  readonly parts: Map<string, number>;
}

/** An operation on the `simd` device: writes the output, of which the place is given. */
export type Twin = (host: Host, inputs: readonly Stored[], sizes: Sizes, output: Stored) => void;

/** A 32-bit memory ends at 4 GiB. */
const MOST_PAGES = 65_536;
const PAGE = 65_536;

/** What is uploaded may take so much of a bank: the rest is for activations, and for packing the largest weight, 1.2 GB. */
const SHARE_FOR_UPLOADS = 0.6;

/** For each element that is drawn. */
const DRAW_OPERATIONS = 8;

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
 * @param mostPages that a memory may have; tests make it small
 * @throws DeviceError where WebAssembly has no SIMD
 */
export async function simd(wantedThreads: number, mostPages = MOST_PAGES): Promise<Driver> {
  const shared = canShare();
  const threads = shared ? wantedThreads : 1;
  const { simd: supported, relaxed } = features();
  if (!supported) throw new DeviceError('simd: this JavaScript engine has no WebAssembly SIMD; choose another device');
  const module = compileKernels(shared, relaxed);
  const open = () => createBank(module, { threads, shared, mostPages });
  const banks = [await open()];

  function allocate(bank: Bank, shape: readonly number[], type: Stored['type']): Stored {
    const at = bank.host.heap.allocate(elements(shape) * (type === 'bfloat16' ? 2 : 4));
    return { bank, at, shape, type, packed: undefined, parts: new Map() };
  }

  function release({ bank, at, parts }: Stored): void {
    for (const offset of [at, ...parts.values()]) bank.host.heap.free(offset);
  }

  /** The first bank with room, or a new one. */
  function bankFor(bytes: number): Bank | Promise<Bank> {
    const found = banks.find(({ host }) => host.heap.used + bytes <= SHARE_FOR_UPLOADS * mostPages * PAGE);
    if (found) return found;
    return open().then((opened) => {
      banks.push(opened);
      return opened;
    });
  }

  return {
    name: 'simd',
    description: `WebAssembly SIMD${relaxed ? ' with fused multiply-add' : ''}, ${threads} thread${threads === 1 ? '' : 's'}${shared ? '' : ' (memory cannot be shared here)'}`,
    bfloat16: true,
    isBfloat16: (storage) => (storage as Stored).type === 'bfloat16',
    upload: (load, shape) =>
      after(load, (given) => {
        // Biases and the weights of norms are small, and added to float32.
        const data = given instanceof Uint16Array && shape.length === 1 ? widenBfloat16(given) : given;
        return after(
          () => bankFor(data.byteLength),
          (bank) => {
            const stored = allocate(bank, shape, typeOf(data));
            bytesOf(stored).set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
            return stored;
          },
        );
      }),
    // 0.24 ns an element on two threads, 2.3 s for the published model, where JavaScript takes 6.5 ns: all threads draw, in place, in
    // the list where everything runs, so that there is nothing left to overlap with arithmetic.
    async draw({ length, seed, scale, bfloat16 }, shape) {
      const type = bfloat16 ? 'bfloat16' : 'float32';
      const stored = allocate(await bankFor(length * WEIGHT_BYTES[type]), shape, type);
      const units = Math.ceil(length / DRAWN_AT_ONCE);
      stored.bank.during('draw', undefined, (host) =>
        host.run(draw[type], { y: stored.at, seed, scale }, units, DRAW_OPERATIONS * length),
      );
      return stored;
    },
    run(op: Op, inputs, sizes, shape, onKernel) {
      const twin = Object.hasOwn(TWINS, op.name) ? TWINS[op.name] : undefined;
      if (!twin) throw new DeviceError(`simd: there is no kernel for ${op.name}; choose another device`);
      const given = inputs as readonly Stored[];
      return after(
        () => homeOf(op, given) ?? bankFor(4 * elements(shape)),
        (bank) => {
          const output = allocate(bank, shape, op.signature.output.dtype);
          try {
            bank.during(op.name, onKernel, (host) => {
              const narrow = TAKE_BFLOAT16.has(op.name);
              const here = given.map((input) => input && brought(bank, host, input));
              twin(host, narrow ? here : here.map((input) => input && widened(host, input)), sizes, output);
            });
            return output;
          } catch (error) {
            release(output);
            throw error;
          }
        },
      );
    },
    read(storage, shape) {
      const { bank, at, type, packed } = storage as Stored;
      if (packed || type === 'bfloat16')
        throw new DeviceError('simd: weights cannot be read back; read them from their file');
      const count = elements(shape);
      if (type === 'int32') return Float32Array.from(bank.host.integers(at, count));
      return bank.host.floats(at, count).slice();
    },
    free: (storage) => release(storage as Stored),
    flush() {
      for (const bank of banks) {
        try {
          bank.flush();
        } catch {
          // Whoever reads or runs something in this bank is told.
        }
      }
    },
    async close() {
      await Promise.all(banks.map((bank) => bank.close()));
    },
  };
}

/** Where an operation runs, if it has inputs: weights are never copied, and of the rest the largest is not. */
function homeOf({ name }: Op, inputs: readonly (Stored | undefined)[]): Bank | undefined {
  if (HOMES.has(name)) return inputs[HOMES.get(name)!]!.bank;
  let home: Stored | undefined;
  for (const input of inputs) if (input && (!home || sizeOf(input) > sizeOf(home))) home = input;
  return home?.bank;
}

/** A tensor in the memory of an operation, until it ends. */
function brought(bank: Bank, host: Host, stored: Stored): Stored {
  if (stored.bank === bank) return stored;
  const at = host.temporary(sizeOf(stored));
  host.bytes(at, sizeOf(stored)).set(bytesOf(stored));
  return { ...stored, bank, at };
}

/** A tensor in float32, until the operation ends. */
function widened(host: Host, stored: Stored): Stored {
  if (stored.type !== 'bfloat16') return stored;
  const count = elements(stored.shape);
  const at = host.temporary(4 * count);
  const bits = host.bytes(stored.at, 2 * count);
  widen(new Uint16Array(bits.buffer, bits.byteOffset, count), host.integers(at, count));
  return { ...stored, at, type: 'float32' };
}

const sizeOf = ({ shape, type }: Stored): number => elements(shape) * (type === 'bfloat16' ? 2 : 4);

const bytesOf = (stored: Stored): Uint8Array => stored.bank.host.bytes(stored.at, sizeOf(stored));

const typeOf = (data: HostData): Stored['type'] =>
  data instanceof Int32Array ? 'int32' : data instanceof Uint16Array ? 'bfloat16' : 'float32';
