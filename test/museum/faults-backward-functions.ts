import type { BackwardFault } from './backward-fault.ts';
import { sigmoidSlope, tanhSlope, withoutMean, withoutProjection } from './wrong-gradients.ts';
import { bicubic, scaled } from './wrong-kernels.ts';

/** Of norms and functions. */
export const FUNCTION_FAULTS: readonly BackwardFault[] = [
  {
    name: 'rms-norm-without-projection',
    says: 'RMSNorm goes back as if its root mean square did not depend on x.',
    how: {
      operations: () => ({
        rmsNormGradient: (_, run, [x, weight, dy], { N, D, eps }) =>
          run(withoutProjection, [N, D], x, weight, dy, D, eps),
      }),
    },
    enters: 'transformer.h.1.grad',
    by: 'rmsNormGradient',
  },
  {
    name: 'layer-norm-without-mean',
    says: 'LayerNorm goes back as if the mean that it subtracts did not depend on x.',
    how: {
      operations: () => ({
        layerNormGradient: (op, run, [x, weight, dy], sizes) =>
          run(
            withoutMean,
            [sizes.N, sizes.D],
            op.kernels(run, [x, weight, dy], sizes),
            x,
            weight,
            dy,
            sizes.D,
            sizes.eps,
          ),
      }),
    },
    enters: 'transformer.visual.attn_pool.attn.grad',
    by: 'layerNormGradient',
  },
  {
    name: 'gelu-tanh-backwards',
    says: "GELU's derivative is that of its approximation by tanh.",
    how: {
      operations: () => ({ geluGradient: (_, run, [x, , dy], { N, D }) => run(tanhSlope, [N, D], x, dy) }),
    },
    enters: 'transformer.visual.transformer.resblocks.0.mlp.c_fc.grad',
    by: 'geluGradient',
  },
  {
    name: 'silu-as-sigmoid',
    says: "The gate's derivative is σ, that of SiLU without the product rule.",
    how: {
      operations: () => ({
        siluGateGradient: (_, run, [x, gate, dy], { N, D }) => run(sigmoidSlope, [N, D], x, gate, dy),
      }),
    },
    enters: 'transformer.h.1.mlp.w2.grad',
    by: 'siluGateGradient',
  },
  {
    name: 'residual-lost',
    says: 'Where two ways meet, the gradient of one takes the place of the other.',
    how: { operations: () => ({ sum: (_, run, [, b], { rows, columns }) => run(scaled, [rows, columns], b, 1) }) },
    enters: 'transformer.h.1.ln_2.grad',
    by: 'sum',
  },
  {
    name: 'resize-not-transposed',
    says: 'The gradient of the position table is resized back, instead of going back through the weights it was resized by.',
    how: {
      operations: () => ({
        resizeGridGradient: (_, run, [dy], { from, to, D }) => run(bicubic, [from * from, D], dy, to, from, -0.75, 1),
      }),
    },
    enters: 'transformer.visual.positional_embedding.grad',
    by: 'resizeGridGradient',
  },
];
