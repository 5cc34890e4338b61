import type { Treatment } from '../../src/train/groups.ts';
import type { AdamOptions } from '../../src/train/optimiser.ts';
import type { Replacement } from './fault.ts';
import { one, squareRoot } from './wrong-gradients.ts';
import { scaled } from './wrong-kernels.ts';

/** What of a step can be off, in the order of its computation. */
export type Part =
  | 'norm'
  | 'first moments'
  | 'second moments'
  | 'all weights'
  | 'vectors'
  | 'matrices'
  | 'vision blocks';

/** One exhibit: a mistake in the step of the optimiser. */
export interface OptimiserFault {
  readonly name: string;
  readonly says: string;
  readonly operations?: Readonly<Record<string, Replacement>>;
  readonly treatment?: (name: string, right: Treatment) => Treatment;
  readonly options?: Partial<AdamOptions>;
  /** The first part that is off. */
  readonly found: Part;
}

export const OPTIMISER_FAULTS: readonly OptimiserFault[] = [
  {
    name: 'norm-of-one',
    says: 'The norm is that of the last gradient alone.',
    operations: { sum: (_, run, [, b]) => run(scaled, [1, 1], b, 1) },
    found: 'norm',
  },
  {
    name: 'clipped-after-the-step',
    says: 'Moments take the gradients as they are; clipping comes too late.',
    operations: { clipFactor: (_, run, [squares]) => run(one, [1, 1], squares) },
    found: 'first moments',
  },
  {
    name: 'square-clipped-once',
    says: 'The second moment takes the clipping factor times the square of the gradient, and not the square of both.',
    operations: {
      secondMoment: (op, run, [v, gradient, factor], sizes) =>
        op.kernels(run, [v, gradient, run(squareRoot, [1, 1], factor)], sizes),
    },
    found: 'second moments',
  },
  {
    name: 'decay-on-norms',
    says: 'Biases and the weights of norms decay too.',
    treatment: (_, right) => ({ ...right, decay: 0.05 }),
    found: 'vectors',
  },
  {
    name: 'decay-forgotten',
    says: 'Nothing decays.',
    treatment: (_, right) => ({ ...right, decay: 0 }),
    found: 'matrices',
  },
  {
    name: 'layers-backwards',
    says: 'The first vision block learns at the rate of the last.',
    treatment(name, right) {
      const block = /resblocks\.(\d+)\./.exec(name)?.[1];
      return block === undefined ? right : { ...right, multiplier: 0.95 ** (Number(block) + 1) };
    },
    found: 'vision blocks',
  },
  {
    name: 'moments-not-corrected',
    says: 'The moments, which begin at 0, are not divided by 1 − βˢ.',
    operations: { adamStep: (op, run, inputs, sizes) => op.kernels(run, inputs, { ...sizes, correction: 1 }) },
    found: 'all weights',
  },
  {
    name: 'epsilon-of-another',
    says: "The step has PyTorch's usual ε, 1e-8, and not the paper's 1e-6.",
    options: { eps: 1e-8 },
    found: 'all weights',
  },
];
