import { add } from '../../kernels/add.ts';
import { attentionValues } from '../../kernels/attention-products.ts';
import { linear } from '../../kernels/linear.ts';
import { sineCosinePositions } from '../../src/checkpoint/positions.ts';
import { PLANTED_FAULTS } from '../../src/explorer/engine/verify-choices.ts';
import { groupSpan } from '../../src/model/attention.ts';
import { hearing } from '../../src/verify/faults/hearing.ts';
import { changed, permuted, transposed } from '../../src/verify/faults/weights.ts';
import type { Handle, Run } from '../../tensor/op.ts';
import type { Sizes } from '../../tensor/signature.ts';
import { tensor } from '../../tensor/tensor.ts';
import type { Fault, Replacement } from './fault.ts';
import { coarseGelu, fewerKeys, firstKeys, quickGelu, scaled, tanhGelu } from './wrong-kernels.ts';

/** The vision encoder's blocks. */
export const ENCODER_FAULTS: readonly Fault[] = [
  {
    name: 'encoder-qkv-stacked',
    says: "The encoder's in_proj is read as all queries, all keys, all values, though each head's stand together.",
    how: {
      operations: () => ({
        columns: (op, run, inputs, sizes) =>
          op.kernels(run, inputs, { ...sizes, start: sizes.start * sizes.groups, stride: sizes.width }),
      }),
    },
    enters: 'transformer.visual.transformer.resblocks.0.attn.out_proj',
  },
  {
    name: 'encoder-scores-over-d',
    says: 'The encoder does not divide queries by √d before the product, but the scores by d after it.',
    how: {
      operations: () => ({
        divide: (op, run, inputs, sizes) => op.kernels(run, inputs, { ...sizes, divisor: 1 }),
        attentionScores: (op, run, inputs, sizes) =>
          op.kernels(run, inputs, sizes.divisor === 1 ? { ...sizes, divisor: sizes.d } : sizes),
      }),
    },
    enters: 'transformer.visual.transformer.resblocks.0.attn.out_proj',
  },
  {
    name: 'first-picture-for-all',
    says: 'The patches of every picture attend to those of the first.',
    how: {
      operations: () => ({
        attentionScores: (op, run, [q, k, span], sizes) =>
          op.kernels(run, [q, k, run(firstKeys, [sizes.N, 2], span)], sizes),
        attentionValues: (op, run, [span, probabilities, v], sizes) =>
          op.kernels(run, [run(firstKeys, [sizes.N, 2], span), probabilities, v], sizes),
      }),
    },
    enters: 'transformer.visual.transformer.resblocks.0.attn.out_proj',
    golden: 'model-a',
  },
  {
    name: 'gelu-by-tanh',
    says: 'GELU is its tanh approximation.',
    how: { operations: () => ({ gelu: (_, run, [x], { N, D }) => run(tanhGelu, [N, D], x) }) },
    enters: 'transformer.visual.transformer.resblocks.0.mlp.gelu',
  },
  {
    name: 'gelu-quick',
    says: "GELU is CLIP's x · sigmoid(1.702 x).",
    how: { operations: () => ({ gelu: (_, run, [x], { N, D }) => run(quickGelu, [N, D], x) }) },
    enters: 'transformer.visual.transformer.resblocks.0.mlp.gelu',
  },
  {
    name: 'zeroed-weight',
    says: 'One matrix in the middle of the encoder was never loaded and holds zeros.',
    how: changed(/resblocks\.1\.mlp\.c_proj\.weight$/, (values) => new Float32Array(values.length)),
    enters: 'transformer.visual.transformer.resblocks.1.mlp.c_proj',
    golden: 'model-a',
  },
  {
    name: 'bessel-correction',
    says: "LayerNorm divides by the sample's variance, over D − 1 instead of D.",
    how: { operations: () => ({ layerNorm: besselCorrected }) },
    enters: 'transformer.visual.ln_pre',
  },
  {
    name: 'last-patch-unseen',
    says: 'No patch attends to the last one.',
    how: {
      operations: ({ visual: { image_size, patch_size } }) => seeingFewer((image_size / patch_size) ** 2),
    },
    enters: 'transformer.visual.transformer.resblocks.0.attn.out_proj',
  },
  {
    name: 'out-proj-bias-missing',
    says: "The encoder's out_proj has no bias.",
    how: PLANTED_FAULTS['out-proj-bias-missing'].how,
    enters: 'transformer.visual.transformer.resblocks.0.attn.out_proj',
  },
  {
    name: 'gelu-by-a-coarse-erf',
    says: 'GELU takes its erf from a polynomial of Abramowitz and Stegun, good to 2.5e-5.',
    how: { operations: () => ({ gelu: (_, run, [x], { N, D }) => run(coarseGelu, [N, D], x) }) },
    enters: 'transformer.visual.transformer.resblocks.0.mlp.gelu',
  },
];

/** The adapter and what follows it. */
export const ADAPTER_FAULTS: readonly Fault[] = [
  {
    name: 'kv-proj-missing',
    says: 'kv_proj is taken for an identity, as where encoder and adapter are equally wide.',
    how: changed(/kv_proj\.weight$/, (values, { visual: { width } }) =>
      values.map((_, i) => (Math.floor(i / width) === i % width ? 1 : 0)),
    ),
    enters: 'transformer.visual.attn_pool.kv_proj',
  },
  {
    name: 'rows-before-columns',
    says: 'The first half of a sine-cosine position encodes the row instead of the column.',
    how: changed(/pos_embed$/, (values, { visual: { output_dim: C } }) =>
      permuted(values, (i) => i - (i % C) + (((i % C) + C / 2) % C)),
    ),
    enters: 'transformer.visual.attn_pool.attn',
  },
  {
    name: 'positions-recomputed',
    says: "The sine-cosine table is computed, though the checkpoint's own was rounded to bfloat16 when it was saved.",
    how: changed(/pos_embed$/, (_, { visual: { n_queries, output_dim } }) =>
      sineCosinePositions(Math.sqrt(n_queries), output_dim),
    ),
    enters: 'transformer.visual.attn_pool.attn',
    golden: 'describe',
  },
  {
    name: 'positions-in-values',
    says: "Positions are added to the adapter's values too, as the paper's figure suggests.",
    how: {
      activations: (model) =>
        hearing((name, heard, values) => {
          if (name !== `${POOL}.attn.values`) return undefined;
          // Values enter linearly: what the positions add to them is mixed by the same probabilities.
          const { attnPool, positions } = model;
          const [L, C] = positions.keys.shape;
          const added = linear(positions.keys, attnPool['attn.in_proj_weight'], undefined, { start: 2 * C, count: C });
          const rows = values.shape[0];
          const span = tensor(model.device, groupSpan(1, rows, L), [rows, 2]);
          return add(values, attentionValues(heard(`${POOL}.attn.probs`), added, span));
        }),
    },
    enters: 'transformer.visual.attn_pool.attn',
  },
  {
    name: 'ln-post-plain',
    says: 'ln_post normalises, but its weight and bias are not applied.',
    how: {
      weights: (load, config) => {
        const ones = changed(/ln_post\.weight$/, (values) => values.map(() => 1));
        const zeros = changed(/ln_post\.bias$/, (values) => values.map(() => 0));
        return zeros.weights(ones.weights(load, config), config);
      },
    },
    enters: 'transformer.visual.ln_post',
  },
  {
    name: 'proj-transposed',
    says: 'proj is transposed like every other matrix.',
    how: changed(/visual\.proj$/, (values, { visual }) => transposed(values, visual.output_dim)),
    enters: 'transformer.visual',
  },
  {
    name: 'ln-post-missing',
    says: 'What the adapter read is projected without ln_post.',
    how: {
      // Of as many rows as there are queries the adapter normalises the queries first, then what they read.
      operations: ({ visual: { n_queries: Q } }) => {
        let seen = 0;
        return {
          layerNorm: (op, run, [x, ...others], sizes) =>
            sizes.N === Q && seen++ % 2 === 1
              ? run(scaled, [Q, sizes.D], x, 1)
              : op.kernels(run, [x, ...others], sizes),
        };
      },
    },
    enters: 'transformer.visual.ln_post',
  },
  {
    name: 'query-positions-missing',
    says: "Positions are added to the adapter's keys alone.",
    how: {
      operations: ({ visual: { n_queries: Q } }) => ({
        add: (op, run, [addend, x], sizes) =>
          sizes.B * sizes.M === Q ? run(scaled, [Q, sizes.D], x, 1) : op.kernels(run, [addend, x], sizes),
      }),
    },
    enters: 'transformer.visual.attn_pool.attn',
  },
];

const POOL = 'transformer.visual.attn_pool';

/** 1/√(variance · D/(D − 1)) is a smaller weight. */
const besselCorrected: Replacement = (op, run, [x, weight, bias], sizes) =>
  op.kernels(run, [x, run(scaled, [1, sizes.D], weight, Math.sqrt(1 - 1 / sizes.D)), bias], sizes);

/** Rows that see all of so many patches see one fewer. */
function seeingFewer(patches: number): Readonly<Record<string, Replacement>> {
  const fewer = (run: Run, span: Handle, { N, C }: Sizes) =>
    C === patches ? run(fewerKeys, [N, 2], span, 1, 1) : span;
  return {
    attentionScores: (op, run, [q, k, span], sizes) => op.kernels(run, [q, k, fewer(run, span, sizes)], sizes),
    softmax: (op, run, [span, x], sizes) => op.kernels(run, [fewer(run, span, sizes), x], sizes),
    attentionValues: (op, run, [span, probabilities, v], sizes) =>
      op.kernels(run, [fewer(run, span, sizes), probabilities, v], sizes),
  };
}
