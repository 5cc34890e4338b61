import { add } from '../../kernels/add.ts';
import { linear } from '../../kernels/linear.ts';
import type { Tensor } from '../../tensor/tensor.ts';

/**
 * The weights of a linear layer by its name, among others. A LoRA adapter adds two factors, A `[r, K]` and s·B `[M, r]`, to any layer that
 * the table of weight shapes calls adaptable.
 */
type Layer<Name extends string> = Readonly<Record<`${Name}.weight`, Tensor>> &
  Readonly<Partial<Record<`${Name}.${'bias' | 'lora_A.weight' | 'lora_B.weight'}`, Tensor>>>;

/**
 * One linear layer of a block, `y = x·Wᵀ + b`, with its bias and its low-rank change where they are there.
 *
 * @param x `[N, K]`
 * @returns `[N, M]`
 */
export function dense<Name extends string>(x: Tensor, w: Layer<Name>, name: Name): Tensor;
export function dense(x: Tensor, w: Readonly<Record<string, Tensor | undefined>>, name: string): Tensor {
  const y = linear(x, w[`${name}.weight`]!, w[`${name}.bias`]);
  return changed(y, x, w[`${name}.lora_A.weight`], w[`${name}.lora_B.weight`]);
}

/**
 * The low-rank change of a linear layer: `y + s·B(A x)` (Hu et al. 2021, arXiv 2106.09685, equation 3). The factors stay apart: a matrix
 * that keeps its weights in 16 or 4 bits could not take up their product, which costs r · (K + M) operations where W costs K · M.
 *
 * @param y what the layer makes of x
 * @param B has the scale s in it
 */
export const changed = (y: Tensor, x: Tensor, A: Tensor | undefined, B: Tensor | undefined): Tensor =>
  A && B ? add(y, linear(linear(x, A), B)) : y;
