import { divide } from '../../kernels/scale.ts';
import { block } from '../../tensor/tap.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import type { Config } from '../architecture/config.ts';
import { isAdaptable, weightShapes } from '../architecture/weight-shapes.ts';
import { InputError } from '../error.ts';
import type { Model } from '../model/qwen-vl.ts';
import { quote } from '../quote.ts';
import { uniforms } from './noise.ts';

/** What is trained where the base stays as it is: two factors of some linear layers (Hu et al. 2021, arXiv 2106.09685). */
export interface Lora {
  readonly rank: number;
  /** The change of a layer is `alpha / rank · B·A`. */
  readonly alpha: number;
  /** Which layers: ends of their names, from a dot on. */
  readonly targets: readonly string[];
}

/**
 * As the released script has it (finetune.py): all layers of a decoder block but the last. It also drops one in twenty of a layer's inputs on
 * their way to A, and trains `wte` and `lm_head` as a whole where the base is no chat model; neither is done here.
 */
export const RELEASED_LORA: Lora = { rank: 64, alpha: 16, targets: ['c_attn', 'attn.c_proj', 'w1', 'w2'] };

const A = '.lora_A.weight';
const B = '.lora_B.weight';

/** Whether a weight is a factor. */
export const isFactor = (name: string): boolean => name.endsWith(A) || name.endsWith(B);

/**
 * The factors of a model by their names: A `[r, K]` and B `[N, r]` of each layer `[N, K]`, in the order of the weights.
 *
 * @throws InputError for a target that no layer has
 */
export function factorShapes(config: Config, { rank, targets }: Lora): ReadonlyMap<string, readonly number[]> {
  const layers = [...weightShapes(config)].flatMap(([name, [N, K]]) => {
    const module = name.replace(/\.weight$/, '');
    return isAdaptable(module) ? [{ module, N, K }] : [];
  });
  const fits = (module: string, end: string) => module === end || module.endsWith(`.${end}`);
  const idle = targets.find((end) => !layers.some(({ module }) => fits(module, end)));
  if (idle !== undefined) {
    const remedy = `name ends of layers, as in ${RELEASED_LORA.targets.join(',')}`;
    throw new InputError('LoRA', `no layer that can have one ends in ${quote(idle)}`, remedy);
  }
  const changed = layers.filter(({ module }) => targets.some((end) => fits(module, end)));
  return new Map(
    changed.flatMap(({ module, N, K }) => [
      [`${module}${A}`, [rank, K]],
      [`${module}${B}`, [N, rank]],
    ]),
  );
}

/**
 * Factors as PEFT begins with them: A uniform within 1 / √K (Kaiming's with a = √5), B zero, so that nothing is changed yet.
 *
 * @returns a pure function of seed, name and shape
 */
export function initialFactor(seed: number, name: string, [rows, columns]: readonly number[]): Float32Array {
  if (name.endsWith(B)) return new Float32Array(rows * columns);
  return Float32Array.from(uniforms(`${seed} ${name}`, rows * columns), (u) => (2 * u - 1) / Math.sqrt(columns));
}

/**
 * The second factors with their scale, `alpha / rank · B`, which is how a layer takes them (model/dense.ts). Trained are those without it, as
 * in PEFT: so gradients, clipping and AdamW's steps are the same as there.
 */
export const scaledFactors = ({ weights }: Model, { rank, alpha }: Lora): Readonly<Record<string, Tensor>> =>
  block('lora', Object.fromEntries(Object.entries(weights).filter(([name]) => name.endsWith(B))), (factors) =>
    Object.fromEntries(Object.entries(factors).map(([name, factor]) => [name, divide(factor, rank / alpha)])),
  );

/** The model with other tensors in place of some weights of its blocks. */
export function withWeights(model: Model, others: Readonly<Record<string, Tensor>>): Model {
  const other = new Map(Object.entries(others).map(([name, tensor]) => [model.weights[name], tensor]));
  const view = <Weights extends object>(weights: Weights): Weights => {
    const entries = Object.entries(weights).map(([name, weight]) => [name, other.get(weight) ?? weight]);
    return Object.fromEntries(entries) as Weights; // of the same names
  };
  const { resblocks, attnPool, h, head } = model;
  return { ...model, resblocks: resblocks.map(view), attnPool: view(attnPool), h: h.map(view), head: view(head) };
}
