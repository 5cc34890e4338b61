import { type Arguments, inOrder } from '../../tensor/simd/kernels.ts';
import type { Func, Parameters } from '../../tensor/wasm/code.ts';

/** Runs a kernel on one memory. */
export type Run = <P extends Parameters>(kernel: Func<P>, given: Arguments<P>) => void;

/** @throws RangeError where the module has no such kernel, or an argument is missing */
export function instantiate(module: WebAssembly.Module, memory: WebAssembly.Memory): Run {
  const { exports } = new WebAssembly.Instance(module, { environment: { memory } });
  return (kernel, given) => {
    const compiled = exports[kernel.name];
    if (typeof compiled !== 'function') throw new RangeError(`no kernel ${kernel.name} in this module`);
    const values = inOrder(kernel, given);
    if (values.includes(undefined as never))
      throw new RangeError(`${kernel.name}: ${JSON.stringify(given)} lacks an argument`);
    compiled(...values);
  };
}
