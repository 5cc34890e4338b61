import type { Func, Parameters } from '../../tensor/wasm/code.ts';
import { features } from '../../tensor/wasm/features.ts';
import { assemble } from '../../tensor/wasm/module.ts';
import { adamStep, clipFactor, firstMoment, secondMoment, squaresOfRows, total } from './adam.ts';
import { add } from './add.ts';
import { append } from './append.ts';
import { argmax } from './argmax.ts';
import { attention } from './attention.ts';
import { attentionGradient, attentionKeys } from './attention-gradient.ts';
import { attentionScores } from './attention-scores.ts';
import { attentionValues } from './attention-values.ts';
import { columns, placeColumns } from './columns.ts';
import { crossEntropy, crossEntropyGradient } from './cross-entropy.ts';
import { draw } from './draw.ts';
import { embedding } from './embedding.ts';
import { fold } from './fold.ts';
import { gelu, geluGradient } from './gelu.ts';
import { layerNorm } from './layer-norm.ts';
import {
  layerNormGradient,
  layerNormRows,
  normWeightGradient,
  rmsNormGradient,
  rmsNormRows,
} from './norm-gradients.ts';
import { pack, unpack } from './pack.ts';
import { patches } from './patches.ts';
import { product, transposedProduct } from './product.ts';
import { resizeGrid, resizeGridGradient } from './resize-grid.ts';
import { rmsNorm } from './rms-norm.ts';
import { memoryRoof, multiplyAddRoof } from './roof.ts';
import { rotary } from './rotary.ts';
import { divide, scaleRows } from './scale.ts';
import { siluGate, siluGateGradient } from './silu-gate.ts';
import { softmax, softmaxGradient } from './softmax.ts';
import { splice } from './splice.ts';
import { sum } from './sum.ts';
import { sumRows } from './sum-rows.ts';
import { widenRange } from './widen.ts';
import { zeros } from './zeros.ts';

/** Every kernel. A kernel is a function that a module exports under its name. */
export const KERNELS: readonly Func[] = [
  ...Object.values(pack),
  ...Object.values(unpack),
  ...Object.values(product),
  ...Object.values(draw),
  ...Object.values(embedding),
  add,
  append,
  argmax,
  attention,
  attentionScores,
  attentionValues,
  columns,
  divide,
  gelu,
  layerNorm,
  patches,
  resizeGrid,
  rmsNorm,
  rotary,
  scaleRows,
  siluGate,
  softmax,
  splice,
  widenRange,
  zeros,
  memoryRoof,
  multiplyAddRoof,
  adamStep,
  attentionGradient,
  attentionKeys,
  clipFactor,
  crossEntropy,
  crossEntropyGradient,
  firstMoment,
  fold,
  geluGradient,
  layerNormGradient,
  layerNormRows,
  normWeightGradient,
  placeColumns,
  resizeGridGradient,
  rmsNormGradient,
  rmsNormRows,
  secondMoment,
  siluGateGradient,
  softmaxGradient,
  squaresOfRows,
  sum,
  sumRows,
  total,
  transposedProduct,
];

/** The arguments of a kernel by the names of its parameters: byte offsets in the memory, and numbers. */
export type Arguments<P extends Parameters> = { readonly [name in keyof P]: number };

/**
 * A kernel's arguments in the order of its parameters, for a command list. Offsets from 2 GiB on need no care: i32
 * wraps them.
 */
export const inOrder = <P extends Parameters>(kernel: Func<P>, given: Arguments<P>): number[] =>
  Object.keys(kernel.parameters).map((name) => given[name]);

/**
 * Assembles all kernels and compiles them. The module can be sent to workers.
 *
 * @param shared whether the memory will be one that threads share
 * @param relaxed whether multiply-adds are fused; by default where the engine can
 */
export function compileKernels(shared: boolean, relaxed = features().relaxed): WebAssembly.Module {
  const memory = { pages: 0, mostPages: 65536, shared };
  return new WebAssembly.Module(assemble({ exports: KERNELS, memory, relaxed }));
}

/** Runs a kernel on one memory. */
export type Run = <P extends Parameters>(kernel: Func<P>, given: Arguments<P>) => void;

export function instantiateKernels(module: WebAssembly.Module, memory: WebAssembly.Memory): Run {
  const { exports } = new WebAssembly.Instance(module, { environment: { memory } });
  return (kernel, given) => {
    const compiled = exports[kernel.name];
    if (typeof compiled !== 'function') throw new RangeError(`no kernel ${kernel.name} in this module`);
    compiled(...inOrder(kernel, given));
  };
}
