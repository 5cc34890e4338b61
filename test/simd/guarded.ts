import { RECIPES } from '../../src/open-device.ts';
import type { HostData } from '../../tensor/device.ts';
import { compileKernels } from '../../tensor/simd/kernels.ts';
import { kernelsOf } from '../../tensor/simd/recipe.ts';
import { instantiate, type Run } from './instantiate.ts';

const PAGE = 65536;
const GUARD = 64;
const GUARD_BYTE = 0xa5;

/** A memory in which every allocation stands between guard bytes. */
export interface Guarded {
  readonly run: Run;
  /** @returns the address of this many bytes, which hold garbage: NaNs as float32 */
  allocate(bytes: number): number;
  put(data: HostData | Uint16Array): number;
  write(address: number, data: Uint8Array): void;
  bytes(address: number, count: number): Uint8Array<ArrayBuffer>;
  floats(address: number, count: number): Float32Array;
  /** Frees everything, and fails where guard bytes were written over. */
  clear(): void;
}

const modules = new Map<string, WebAssembly.Module>();

/**
 * @param options.relaxed whether kernels may fuse multiply-adds, by default not
 * @param options.modern whether kernels are written for an engine of 2025 or later, by default not; any engine runs them
 * @param options.start where allocations begin: what lies before is never touched, and so takes no memory
 */
export function guarded({ relaxed = false, modern = false, pages = 64, start = 0 } = {}): Guarded {
  const key = `${relaxed} ${modern}`;
  const module = modules.get(key) ?? compileKernels(kernelsOf(RECIPES), false, { relaxed, modern });
  modules.set(key, module);
  const end = start + pages * PAGE;
  const memory = new WebAssembly.Memory({ initial: Math.ceil(end / PAGE), maximum: Math.ceil(end / PAGE) });
  const run = instantiate(module, memory);
  const all = new Uint8Array(memory.buffer);
  const allocations: [from: number, to: number][] = [];
  let free = start;
  const allocate = (bytes: number): number => {
    // Aligned to 4 bytes, and never to 16: kernels may not rely on more.
    const from = 16 * Math.ceil((free + GUARD) / 16) + 4;
    if (from + bytes + GUARD > end) throw new RangeError(`no room for ${bytes} bytes`);
    all.fill(GUARD_BYTE, free, from);
    all.fill(0xff, from, from + bytes);
    free = from + bytes + GUARD;
    all.fill(GUARD_BYTE, from + bytes, free);
    allocations.push([from, from + bytes]);
    return from;
  };
  const bytes = (address: number, count: number) => all.slice(address, address + count);
  return {
    run,
    allocate,
    put(data) {
      const address = allocate(data.byteLength);
      all.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), address);
      return address;
    },
    write: (address, data) => all.set(data, address),
    bytes,
    floats: (address, count) => new Float32Array(bytes(address, 4 * count).buffer),
    clear() {
      const held = [...allocations.splice(0), [free, free]];
      free = start;
      let expected = start;
      for (const [from, to] of held) {
        const touched = all.subarray(expected, from).findIndex((byte) => byte !== GUARD_BYTE);
        if (touched >= 0) throw new RangeError(`a kernel wrote ${expected + touched}, between allocations`);
        expected = to;
      }
    },
  };
}
