import { adamStep, clipFactor, firstMoment, secondMoment, sumOfSquares } from '../../kernels/adam.ts';
import { sum } from '../../kernels/add.ts';
import { keep, scope } from '../../tensor/scope.ts';
import { assign, freeAll, read, type Tensor, tensor } from '../../tensor/tensor.ts';
import type { Model } from '../model/qwen-vl.ts';
import { GradientError } from './error.ts';
import type { Treatment } from './groups.ts';

export interface AdamOptions {
  readonly beta1: number;
  readonly beta2: number;
  readonly eps: number;
  /** The largest norm that all gradients may have together. */
  readonly clip: number;
}

/** As the paper has it, in all three stages. */
export const ADAM: AdamOptions = { beta1: 0.9, beta2: 0.98, eps: 1e-6, clip: 1 };

/** What an optimiser remembers of a weight. */
export interface Moments {
  readonly m: Tensor;
  readonly v: Tensor;
}

export interface Optimiser {
  /** How many steps were made. */
  readonly steps: number;
  readonly moments: ReadonlyMap<string, Moments>;
  /**
   * Clips the gradients, and changes the weights that have one; the gradients are freed. Nothing is changed when their norm is no number.
   *
   * @param rate the learning rate of this step, before a weight's multiplier
   * @returns the norm of all gradients before clipping
   * @throws GradientError when it is not finite
   */
  step(gradients: ReadonlyMap<string, Tensor>, rate: number): Promise<number>;
  free(): void;
}

/**
 * AdamW on the device of a model: see kernels/adam.ts for the equations. Moments begin at 0 when a weight has its first gradient.
 *
 * @param from where another optimiser stopped: its steps and its moments, which are this one's from now on
 */
export function createOptimiser(
  { device, weights }: Pick<Model, 'device' | 'weights'>,
  treatments: ReadonlyMap<string, Treatment>,
  { beta1, beta2, eps, clip }: AdamOptions = ADAM,
  from: Pick<Optimiser, 'steps' | 'moments'> = { steps: 0, moments: new Map() },
): Optimiser {
  const moments = new Map(from.moments);
  let { steps } = from;

  const zeros = ({ shape }: Tensor, label: string): Tensor =>
    tensor(device, new Float32Array(shape.reduce((a, b) => a * b)), shape, { label });

  function update(name: string, gradient: Tensor, factor: Tensor, rate: number): void {
    const weight = weights[name];
    const { multiplier, decay } = treatments.get(name)!;
    const before = moments.get(name) ?? { m: zeros(weight, `${name}.m`), v: zeros(weight, `${name}.v`) };
    const m = firstMoment(before.m, gradient, factor, beta1);
    const v = secondMoment(before.v, gradient, factor, beta2);
    assign(weight, adamStep(weight, m, v, { rate: rate * multiplier, decay, step: steps, beta1, beta2, eps }));
    freeAll(device, [before.m, before.v]);
    moments.set(name, keep({ m, v }));
  }

  return {
    get steps() {
      return steps;
    },
    moments,
    async step(gradients, rate) {
      const squares = scope<Tensor>(() => sumInPairs([...gradients.values()].map(sumOfSquares)));
      const norm = Math.sqrt((await read(squares))[0]);
      if (!Number.isFinite(norm)) {
        const where = await firstNotFinite(gradients);
        freeAll(device, [squares, ...gradients.values()]);
        throw new GradientError(
          `the gradients' norm is ${norm}${where}; no weight was changed: lower the learning rate`,
        );
      }
      steps++;
      scope<void>(() => {
        const factor = clipFactor(squares, clip);
        for (const [name, gradient] of gradients) scope<void>(() => update(name, gradient, factor, rate));
      });
      freeAll(device, [squares, ...gradients.values()]);
      return norm;
    },
    free() {
      freeAll(
        device,
        [...moments.values()].flatMap(({ m, v }) => [m, v]),
      );
      moments.clear();
    },
  };
}

/** The sum of tensors, halves first: so rounding grows with the logarithm of their number. */
function sumInPairs(terms: readonly Tensor[]): Tensor {
  if (terms.length === 1) return terms[0];
  const half = Math.ceil(terms.length / 2);
  return sum(sumInPairs(terms.slice(0, half)), sumInPairs(terms.slice(half)));
}

/** The first gradient, in the order of the way back, that has an element which is no number. */
async function firstNotFinite(gradients: ReadonlyMap<string, Tensor>): Promise<string> {
  for (const [name, gradient] of gradients) {
    const values = await read(gradient);
    const at = values.findIndex((value) => !Number.isFinite(value));
    if (at >= 0) return `, first that of ${name}, whose element ${at} is ${values[at]}`;
  }
  return '';
}
