import { add } from '../../kernels/add.ts';
import { rmsNorm } from '../../kernels/rms-norm.ts';
import { divide } from '../../kernels/scale.ts';
import { PLANTED_FAULTS } from '../../src/explorer/engine/verify-choices.ts';
import { hearing } from '../../src/verify/faults/hearing.ts';
import { renamed } from '../../src/verify/faults/weights.ts';
import type { Fault, Replacement } from './fault.ts';
import { centred, epsOutside, maskedByProduct, moreKeys, rounded, rowMean, sigmoidGate } from './wrong-kernels.ts';

/** The decoder's blocks and the scores. */
export const DECODER_FAULTS: readonly Fault[] = [
  {
    name: 'rms-norm-eps',
    says: "RMSNorm's eps is 1e-5 instead of 1e-6.",
    how: PLANTED_FAULTS['rms-norm-eps'].how,
    enters: 'transformer.h.0.ln_1',
  },
  {
    name: 'layer-norm-for-rms-norm',
    says: 'The decoder subtracts the mean before it normalises.',
    how: { operations: () => ({ rmsNorm: withMeanRemoved }) },
    enters: 'transformer.h.0.ln_1',
  },
  {
    name: 'norm-weight-offset',
    says: "RMSNorm's weight is taken for a distance from 1.",
    how: PLANTED_FAULTS['norm-weight-offset'].how,
    enters: 'transformer.h.0.ln_1',
  },
  {
    name: 'c-attn-bias-missing',
    says: 'c_attn has no bias, because the config says no_bias.',
    how: PLANTED_FAULTS['c-attn-bias-missing'].how,
    enters: 'transformer.h.0.attn.c_attn',
  },
  {
    name: 'decoder-qkv-per-head',
    says: "c_attn is read head by head, as the encoder's in_proj.",
    how: {
      operations: ({ num_attention_heads: H, kv_channels: d }) => ({
        columns: (op, run, inputs, sizes) =>
          op.kernels(
            run,
            inputs,
            sizes.groups === 1 ? { ...sizes, start: sizes.start / H, width: d, stride: 3 * d, groups: H } : sizes,
          ),
      }),
    },
    enters: 'transformer.h.0.attn.attn_dropout',
  },
  {
    name: 'mask-off-by-one',
    says: 'Every token sees the one after it.',
    how: { operations: () => seeing(1) },
    enters: 'transformer.h.0.attn.attn_dropout',
  },
  {
    name: 'mask-missing',
    says: 'Every token of the prompt sees all others.',
    how: { operations: () => seeing(Number.MAX_SAFE_INTEGER) },
    enters: 'transformer.h.0.attn.attn_dropout',
  },
  {
    name: 'mask-times-infinity',
    says: 'The mask, 0 or 1, is multiplied by minus infinity and added: 0 · ∞ is no number.',
    how: {
      operations: () => ({
        softmax: (op, run, [span, x], sizes) =>
          op.kernels(run, [span, run(maskedByProduct, [sizes.H * sizes.N, sizes.C], x, span, sizes.N, sizes.C)], sizes),
      }),
    },
    enters: 'transformer.h.0.attn.attn_dropout',
  },
  {
    name: 'residual-after-norm',
    says: 'Attention is added to what ln_1 made, not to what it was given.',
    how: {
      activations: ({ h, config }) =>
        hearing((name, heard) => {
          const [, path, index, rest] = /^(transformer\.h\.(\d+))(\.ln_2)?$/.exec(name) ?? [];
          if (path === undefined) return undefined;
          const attended = add(heard(`${path}.ln_1`), heard(`${path}.attn`));
          return rest
            ? rmsNorm(attended, h[Number(index)]['ln_2.weight'], config.layer_norm_epsilon)
            : add(attended, heard(`${path}.mlp`));
        }),
    },
    enters: 'transformer.h.0.ln_2',
  },
  {
    name: 'w1-w2-exchanged',
    says: 'The gate of the MLP is w1 instead of w2.',
    how: { operations: () => ({ siluGate: (op, run, [x, gate], sizes) => op.kernels(run, [gate, x], sizes) }) },
    enters: 'transformer.h.0.mlp.c_proj',
  },
  {
    name: 'sigmoid-gate',
    says: 'The gate is a sigmoid (GLU) instead of SiLU (SwiGLU).',
    how: { operations: () => ({ siluGate: (_, run, [x, gate], { N, D }) => run(sigmoidGate, [N, D], x, gate) }) },
    enters: 'transformer.h.0.mlp.c_proj',
  },
  {
    name: 'residual-in-half',
    says: 'Sums with the residual stream are kept in float16.',
    how: {
      operations: () => ({
        add: (op, run, inputs, sizes) => run(rounded, [sizes.B * sizes.M, sizes.D], op.kernels(run, inputs, sizes), 11),
      }),
    },
    enters: 'transformer.visual.ln_pre',
  },
  {
    name: 'blocks-exchanged',
    says: 'Two blocks of the decoder are loaded in the wrong order.',
    how: renamed((name) => name.replace(/(?<=^transformer\.h\.)[12](?=\.)/, (i) => String(3 - Number(i)))),
    enters: 'transformer.h.1.ln_1',
    golden: 'model-a',
  },
  {
    name: 'block-repeated',
    says: 'A block is loaded twice, in its own place and in that of the one after it.',
    how: renamed((name) => name.replace('transformer.h.1.', 'transformer.h.0.')),
    enters: 'transformer.h.1.ln_1',
  },
  {
    name: 'norms-exchanged',
    says: 'ln_1 and ln_2 of every block have the weights of each other.',
    how: renamed((name) => name.replace(/(?<=^transformer\.h\.\d+\.ln_)[12]/, (i) => String(3 - Number(i)))),
    enters: 'transformer.h.0.ln_1',
  },
  {
    name: 'eps-outside-the-root',
    says: "RMSNorm's eps is added to the root, not under it.",
    how: {
      operations: () => ({
        rmsNorm: (_, run, [x, weight], { N, D, eps }) => run(epsOutside, [N, D], x, weight, D, eps),
      }),
    },
    enters: 'transformer.h.0.ln_1',
  },
  {
    name: 'norm-of-twenty-bits',
    says: "RMSNorm's result is kept in twenty bits, four fewer than float32 has.",
    how: {
      operations: () => ({
        rmsNorm: (op, run, inputs, sizes) => run(rounded, [sizes.N, sizes.D], op.kernels(run, inputs, sizes), 20),
      }),
    },
    enters: 'transformer.h.0.ln_1',
  },
  {
    name: 'keys-before-queries',
    says: 'c_attn is read as all keys, then all queries, then all values.',
    how: {
      operations: ({ hidden_size: C }) => ({
        columns: (op, run, inputs, sizes) =>
          op.kernels(
            run,
            inputs,
            sizes.groups === 1 && sizes.start < 2 * C ? { ...sizes, start: C - sizes.start } : sizes,
          ),
      }),
    },
    enters: 'transformer.h.0.attn.attn_dropout',
  },
  {
    name: 'attention-not-added',
    says: "The stream that goes on after a block lacks what its attention added: it is the block's input and its MLP.",
    how: {
      activations: () =>
        hearing((name, heard, activation) => {
          const path = /^transformer\.h\.\d+$/.exec(name)?.[0];
          return path ? add(activation, divide(heard(`${path}.attn`), -1)) : undefined;
        }),
    },
    enters: 'transformer.h.0',
  },
  {
    name: 'head-tied',
    says: 'lm_head shares its weight with wte.',
    how: renamed((name) => name.replace('lm_head.weight', 'transformer.wte.weight')),
    enters: 'lm_head',
  },
];

const withMeanRemoved: Replacement = (op, run, [x, weight], sizes) => {
  const mean = run(rowMean, [1, sizes.N], x, sizes.D);
  return op.kernels(run, [run(centred, [sizes.N, sizes.D], x, mean), weight], sizes);
};

/** Every row sees more keys, up to all columns there are; where it sees all of them anyway nothing changes. */
function seeing(more: number): Readonly<Record<string, Replacement>> {
  return {
    attentionScores: (op, run, [q, k, span], sizes) =>
      op.kernels(run, [q, k, run(moreKeys, [sizes.N, 2], span, more, sizes.C)], sizes),
    softmax: (op, run, [span, x], sizes) =>
      op.kernels(run, [run(moreKeys, [sizes.N, 2], span, more, sizes.C), x], sizes),
    attentionValues: (op, run, [span, probabilities, v], sizes) =>
      op.kernels(run, [run(moreKeys, [sizes.N, 2], span, more, sizes.C), probabilities, v], sizes),
  };
}
