import type { Handle, Run } from '../../tensor/op.ts';
import type { Sizes } from '../../tensor/signature.ts';
import type { Fault, Replacement } from './fault.ts';
import { fewerKeys, lateRows, moreKeys, rounded, rowMoved } from './wrong-kernels.ts';

/** What an answer alone does: one picture after the other, attention in one operation, the last row's scores. */
export const ANSWER_FAULTS: readonly Fault[] = [
  {
    name: 'fused-divisor',
    says: 'Attention in one operation divides by d instead of √d.',
    how: {
      operations: () => ({
        attention: (op, run, inputs, sizes) =>
          op.kernels(run, inputs, sizes.divisor === 1 ? sizes : { ...sizes, divisor: sizes.d }),
      }),
    },
    enters: 'transformer.visual.attn_pool.attn',
    answers: true,
  },
  {
    name: 'fused-mask-off-by-one',
    says: 'Attention in one operation lets every token see the one after it.',
    how: { operations: () => ({ attention: seen((run, span, { N, C }) => run(moreKeys, [N, 2], span, 1, C)) }) },
    enters: 'transformer.h.0.attn.c_proj',
    answers: true,
  },
  {
    name: 'fused-last-tile',
    says: 'Attention in one operation goes through the keys eight at a time and leaves out the rest.',
    how: { operations: () => ({ attention: seen((run, span, { N }) => run(fewerKeys, [N, 2], span, 0, 8)) }) },
    enters: 'transformer.h.0.attn.c_proj',
    answers: true,
  },
  {
    name: 'fused-in-bfloat16',
    says: 'Attention in one operation keeps its queries in bfloat16.',
    how: {
      operations: () => ({
        attention: (op, run, [q, ...others], sizes) =>
          op.kernels(run, [run(rounded, [sizes.N, sizes.H * sizes.d], q, 8), ...others], sizes),
      }),
    },
    enters: 'transformer.visual.transformer.resblocks.0.attn.out_proj',
    answers: true,
  },
  {
    name: 'pictures-joined-late',
    says: 'Where the features of two pictures are put together, the second stand one row too low.',
    how: {
      operations: ({ visual: { n_queries: Q } }) => ({
        append: (op, run, [cache, rows, segments], sizes) =>
          op.kernels(run, [cache, rows, sizes.M === 2 * Q ? run(lateRows, [1, 3], segments) : segments], sizes),
      }),
    },
    enters: 'transformer.h.0.ln_1',
    golden: 'model-a',
    answers: true,
  },
  {
    name: 'scores-of-the-row-before',
    says: 'The next token is chosen by the scores of the last row but one.',
    how: {
      operations: ({ hidden_size: C, vocab_size: V }) => ({
        gatherRows: (op, run, [table, ids], sizes) =>
          op.kernels(
            run,
            [
              table,
              sizes.T === 1 && sizes.D === C && sizes.V !== V && sizes.V > 1 ? run(rowMoved, [1, 1], ids, -1) : ids,
            ],
            sizes,
          ),
      }),
    },
    enters: 'lm_head',
    answers: true,
  },
];

/** Attention with another span. */
const seen =
  (change: (run: Run, span: Handle, sizes: Sizes) => Handle): Replacement =>
  (op, run, [q, k, v, span], sizes) =>
    op.kernels(run, [q, k, v, change(run, span, sizes)], sizes);
