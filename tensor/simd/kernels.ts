import type { Func, Parameters } from '../wasm/code.ts';
import { features } from '../wasm/features.ts';
import { assemble, type ModuleOptions } from '../wasm/module.ts';

/** The arguments of a kernel by the names of its parameters: byte offsets in the memory, and numbers. */
export type Arguments<P extends Parameters> = { readonly [name in keyof P]: number };

/**
 * A kernel's arguments in the order of its parameters, for a command list. Offsets from 2 GiB on need no care: i32
 * wraps them.
 */
export const inOrder = <P extends Parameters>(kernel: Func<P>, given: Arguments<P>): number[] =>
  kernel.names.map((name) => given[name]);

/**
 * Assembles kernels, functions that the module exports under their names, and compiles them. The module can be sent to workers.
 *
 * @param shared whether the memory will be one that threads share
 * @param engine what they are written for: whether multiply-adds are fused, and whether it is one of 2025 or later; by default this one
 */
export function compileKernels(
  kernels: readonly Func[],
  shared: boolean,
  { relaxed, modern }: Pick<ModuleOptions, 'relaxed' | 'modern'> = features(),
): WebAssembly.Module {
  const memory = { pages: 0, mostPages: 65536, shared };
  return new WebAssembly.Module(assemble({ exports: kernels, memory, relaxed, modern }));
}
