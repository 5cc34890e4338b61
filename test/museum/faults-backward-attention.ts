import type { BackwardFault } from './backward-fault.ts';
import { productOf } from './wrong-gradients.ts';
import { firstKeys, moreKeys, scaled } from './wrong-kernels.ts';

/** Of attention, and of what is placed. */
export const ATTENTION_FAULTS: readonly BackwardFault[] = [
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
