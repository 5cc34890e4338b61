import { expect } from 'vitest';
import { type Code, func } from '../../tensor/wasm/code.ts';
import { f32, i32, v128 } from '../../tensor/wasm/instructions.ts';
import { assemble } from '../../tensor/wasm/module.ts';
import type { Value } from '../../tensor/wasm/values.ts';

/** Runs a function body over a memory that holds these bytes, and returns the memory. */
export function execute(body: (code: Code) => void, given: ArrayLike<number> = [], relaxed = false): DataView {
  const options = { memory: { pages: 1, mostPages: 1, shared: false }, relaxed };
  const bytes = assemble({ exports: [func('main', {}, body)], ...options });
  expect(WebAssembly.validate(bytes)).toBe(true);
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 1 });
  new Uint8Array(memory.buffer).set(given);
  const { main } = new WebAssembly.Instance(new WebAssembly.Module(bytes), { environment: { memory } }).exports;
  (main as () => void)();
  return new DataView(memory.buffer);
}

/** Where a result is stored. */
export const RESULT = 1024;
export const integer = (value: Value<'i32'>) => (code: Code) => code.run(i32.store(RESULT, value));
export const float = (value: Value<'f32'>) => (code: Code) => code.run(f32.store(RESULT, value));
export const lanes = (value: Value<'v128'>) => (code: Code) => code.run(v128.store(RESULT, value));
