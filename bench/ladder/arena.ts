import type { Func } from '../../tensor/wasm/code.ts';
import { assemble } from '../../tensor/wasm/module.ts';

/** A WebAssembly memory that only grows, and functions on it. */
export interface Arena {
  /** @returns the offset of so many bytes, a multiple of 64 */
  allocate(bytes: number): number;
  /** Copies numbers into the memory. */
  put(values: Float32Array | Uint16Array): number;
  /** The float32 there. The view is good until something is allocated. */
  floats(at: number, count: number): Float32Array;
  /** Assembles and compiles functions; they take their parameters in order. */
  compile(functions: readonly Func[]): readonly ((...parameters: number[]) => void)[];
}

const PAGE = 2 ** 16;
const LINE = 64;

export function createArena(): Arena {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: PAGE });
  let end = LINE; // offset 0 is nowhere

  function allocate(bytes: number): number {
    const offset = end;
    end = Math.ceil((offset + bytes) / LINE) * LINE;
    const missing = Math.ceil((end - memory.buffer.byteLength) / PAGE);
    if (missing > 0) memory.grow(missing);
    return offset;
  }

  return {
    allocate,
    put(values) {
      const offset = allocate(values.byteLength);
      new Uint8Array(memory.buffer, offset).set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
      return offset;
    },
    floats: (at, count) => new Float32Array(memory.buffer, at, count),
    compile(functions) {
      const limits = { pages: 0, mostPages: PAGE, shared: false };
      const module = new WebAssembly.Module(assemble({ exports: functions, memory: limits, relaxed: false }));
      const { exports } = new WebAssembly.Instance(module, { environment: { memory } });
      return functions.map(({ name }) => exports[name] as (...parameters: number[]) => void);
    },
  };
}
