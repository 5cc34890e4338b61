import { scaleRows } from '../../kernels/scale.ts';
import { logNFactors } from '../../src/model/rotary-table.ts';
import { supervised } from '../../src/train/loss.ts';
import { tensor } from '../../tensor/tensor.ts';
import type { BackwardFault } from './backward-fault.ts';
import {
  productOf,
  sigmoidSlope,
  sumOfProducts,
  tanhSlope,
  weightedRows,
  withoutMean,
  withoutProjection,
} from './wrong-gradients.ts';
import { bicubic, firstKeys, moreKeys, rowBefore, scaled } from './wrong-kernels.ts';

/** Of the loss and its scores. */
const LOSS_FAULTS: readonly BackwardFault[] = [
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
const WEIGHT_FAULTS: readonly BackwardFault[] = [
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

/** Of norms and functions. */
const FUNCTION_FAULTS: readonly BackwardFault[] = [
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

/** Of attention, and of what is placed. */
const ATTENTION_FAULTS: readonly BackwardFault[] = [
  {
    name: 'mask-forgotten-in-dk',
    says: 'The gradients of keys and values leave out the row that sees a key as its last: the mask is one off.',
    how: {
      operations: () => ({
        attentionKeys: (op, run, [span, p, q], sizes) =>
          op.kernels(run, [run(moreKeys, [sizes.N, 2], span, -1, sizes.C), p, q], sizes),
      }),
    },
    enters: 'transformer.h.1.attn.c_attn.grad',
    by: 'attentionKeys',
  },
  {
    name: 'keys-of-another-conversation',
    says: 'The gradients of keys and values forget where in the batch a conversation begins.',
    how: {
      operations: () => ({
        attentionKeys: (op, run, [span, p, q], sizes) =>
          op.kernels(run, [run(firstKeys, [sizes.N, 2], span), p, q], sizes),
      }),
    },
    enters: 'transformer.h.1.ln_1.weight.grad',
    by: 'attentionKeys',
    golden: 'grad-e-text',
  },
  {
    name: 'softmax-without-sum',
    says: "Softmax goes back as p · dp, without its row's sum of p · dp.",
    how: {
      operations: () => ({
        softmaxGradient: (_, run, [, y, dy], { H, N, C }) => run(productOf, [H * N, C], y, dy),
      }),
    },
    enters: 'transformer.h.1.attn.c_attn.grad',
    by: 'softmaxGradient',
  },
  {
    name: 'rotary-forwards',
    says: 'The gradients of queries and keys are turned on, not back: the sines keep their sign.',
    how: {
      operations: () => ({
        divide: (op, run, inputs, sizes) =>
          op.kernels(run, inputs, sizes.divisor === -1 ? { ...sizes, divisor: 1 } : sizes),
      }),
    },
    enters: 'transformer.h.1.attn.c_attn.grad',
    by: 'rotary',
  },
  {
    name: 'attention-undivided',
    says: 'The gradients of queries and keys are not divided by √d.',
    how: {
      operations: ({ checkpoint: { config } }) => ({
        divide: (op, run, inputs, sizes) =>
          op.kernels(run, inputs, sizes.divisor === Math.sqrt(config.kv_channels) ? { ...sizes, divisor: 1 } : sizes),
      }),
    },
    enters: 'transformer.h.1.attn.c_attn.grad',
    by: 'divide',
  },
  {
    name: 'values-as-keys',
    says: 'The gradients of keys and values are placed in each other’s columns.',
    how: {
      operations: () => ({
        placeColumns(op, run, inputs, sizes) {
          const { start, width, groups } = sizes;
          const other = groups > 1 || start === 0 ? start : 3 * width - start;
          return op.kernels(run, inputs, { ...sizes, start: other });
        },
      }),
    },
    enters: 'transformer.h.1.attn.c_attn.grad',
    by: 'placeColumns',
  },
  {
    name: 'picture-in-the-embedding',
    says: 'The gradient of the rows that a picture took flows on to the tokens they stood for.',
    how: {
      operations: () => ({
        splice: (op, run, [x, rows, source], sizes) =>
          sizes.R === 1 ? run(scaled, [sizes.T, sizes.D], x, 1) : op.kernels(run, [x, rows, source], sizes),
      }),
    },
    enters: 'transformer.wte.grad',
    by: 'splice',
  },
];

export const BACKWARD_FAULTS: readonly BackwardFault[] = [
  ...LOSS_FAULTS,
  ...WEIGHT_FAULTS,
  ...FUNCTION_FAULTS,
  ...ATTENTION_FAULTS,
];
