import { scaleRows } from '../../kernels/scale.ts';
import { logNFactors } from '../../src/model/rotary-table.ts';
import { supervised } from '../../src/train/loss.ts';
import { tensor } from '../../tensor/tensor.ts';
import type { BackwardFault } from './backward-fault.ts';
import { sumOfProducts, weightedRows } from './wrong-gradients.ts';
import { moreKeys, rowBefore, scaled } from './wrong-kernels.ts';

/** Of the loss and its scores. */
export const LOSS_FAULTS: readonly BackwardFault[] = [
  {
    name: 'log-n-left-on',
    says: 'The queries are multiplied by their log-n factors, which training leaves out.',
    how: {
      activations:
        ({ device, config }) =>
        (name, rotated) => {
          if (!name.endsWith('.attn.q_rotated')) return undefined;
          const factors = logNFactors(0, rotated.shape[0], config.seq_length);
          return scaleRows(rotated, tensor(device, factors, [factors.length]));
        },
    },
    enters: 'loss',
    by: 'crossEntropy',
  },
  {
    name: 'mean-of-means',
    says: 'Each conversation counts as much as any other, and not each supervised token.',
    how: {
      operations: ({ golden: { batch } }) => ({
        crossEntropyGradient(op, run, [z, labels, dy], sizes) {
          const first = supervised(batch.sequences.slice(0, 1)).rows.length;
          const weighted = run(
            weightedRows,
            [sizes.N, 1],
            dy,
            first,
            sizes.N / (2 * first),
            sizes.N / (2 * (sizes.N - first)),
          );
          return op.kernels(run, [z, labels, weighted], sizes);
        },
      }),
    },
    enters: 'lm_head.grad',
    by: 'crossEntropyGradient',
    golden: 'grad-e-text',
  },
  {
    name: 'labels-late',
    says: 'The gradient of the scores takes the label of the token before.',
    how: {
      operations: () => ({
        crossEntropyGradient: (op, run, [z, labels, dy], sizes) =>
          op.kernels(run, [z, run(rowBefore, [1, sizes.N], labels), dy], sizes),
      }),
    },
    enters: 'lm_head.grad',
    by: 'crossEntropyGradient',
  },
];

/** Of weights, which sum over rows. */
export const WEIGHT_FAULTS: readonly BackwardFault[] = [
  {
    name: 'weight-transposed',
    says: 'The gradient of a square weight is xᵀ · dy, its transpose.',
    how: {
      operations: () => ({
        weightGradient: (op, run, [a, b], sizes) => op.kernels(run, sizes.M === sizes.K ? [b, a] : [a, b], sizes),
      }),
    },
    enters: 'transformer.h.1.attn.c_proj.weight.grad',
    by: 'weightGradient',
  },
  {
    name: 'bias-of-one-picture',
    says: 'A bias sums over the rows of the first of three pictures alone.',
    how: {
      operations: () => ({
        biasGradient: (op, run, [x], sizes) =>
          op.kernels(run, [x], { ...sizes, N: sizes.N % 3 === 0 ? sizes.N / 3 : sizes.N }),
      }),
    },
    enters: 'transformer.visual.ln_post.bias.grad',
    by: 'biasGradient',
    golden: 'grad-a',
  },
  {
    name: 'norm-weight-not-normalised',
    says: "The gradient of RMSNorm's weight sums dy · x, before x is normalised.",
    how: {
      operations: () => ({
        rmsNormWeightGradient: (_, run, [x, dy], { N, D }) => run(sumOfProducts, [1, D], x, dy, N),
      }),
    },
    enters: 'transformer.ln_f.weight.grad',
    by: 'rmsNormWeightGradient',
  },
  {
    name: 'token-counted-once',
    says: 'A token that occurs several times has the gradient of its first occurrence alone.',
    how: {
      operations: () => ({
        sumRows: (op, run, [order, span, x], sizes) =>
          op.kernels(run, [order, run(moreKeys, [sizes.V, 2], span, 0, 1), x], sizes),
      }),
    },
    enters: 'transformer.wte.weight.grad',
    by: 'sumRows',
  },
  {
    name: 'recomputed-otherwise',
    says: 'A block that runs again does something else than it did the first time, as with another mask of dropout.',
    how: {
      operations({ checkpoint: { config } }) {
        let runs = 0;
        return {
          siluGate(op, run, inputs, sizes) {
            const right = op.kernels(run, inputs, sizes);
            return ++runs === config.num_hidden_layers + 1 ? run(scaled, [sizes.N, sizes.D], right, 1.01) : right;
          },
        };
      },
    },
    enters: 'transformer.h.1.mlp.c_proj.weight.grad',
    by: 'weightGradient',
  },
];
