import type { Checkpoint } from '../../src/checkpoint/folder.ts';
import { openCheckpoint } from '../../src/checkpoint/folder.ts';
import { roundToBfloat16, roundToFloat16, widenBfloat16, widenFloat16 } from '../../tensor/dtype.ts';
import { type Int4Matrix, int4Matrix } from '../../tensor/int4.ts';
import type { COMPACT } from '../golden/compact.ts';

/** Gives a weight; `sound` is the checkpoint that is read rightly. */
type FaultyLoad = (name: string, sound: Checkpoint) => Promise<Float32Array>;

/** A mistake in reading weights in 4 bits or a LoRA adapter. */
export interface CompactFault {
  readonly name: string;
  readonly says: string;
  /** Where it shows. */
  readonly golden: (typeof COMPACT)[number]['name'];
  readonly load?: FaultyLoad;
  readonly config?: (config: Checkpoint['config']) => Checkpoint['config'];
  /** The first of the golden's activations that must be found broken. */
  readonly enters: string;
}

/** Other matrices in 4 bits, from the right ones. */
const packed =
  (change: (matrix: Int4Matrix) => Partial<Int4Matrix>): FaultyLoad =>
  async (name, sound) => {
    const matrix = await sound.tensors.get(name)?.packed?.read();
    return matrix ? int4Matrix({ ...matrix, ...change(matrix) }).onHost() : sound.load(name);
  };

/** Other weights than those whose name fits. */
const changed =
  (wanted: RegExp, change: (values: Float32Array, name: string) => Float32Array): FaultyLoad =>
  async (name, sound) => {
    const values = await sound.load(name);
    return wanted.test(name) ? change(values, name) : values;
  };

const times = (factor: number) => (values: Float32Array) => values.map((value) => factor * value);

/** Weights as the base has them. */
const asInBase =
  (wanted: RegExp, base: string): FaultyLoad =>
  async (name, sound) => {
    if (!wanted.test(name)) return sound.load(name);
    const checkpoint = await openCheckpoint(base);
    return checkpoint.load(name).finally(() => checkpoint.close());
  };

const highFirst = (word: number): number => {
  let turned = 0;
  for (let j = 0; j < 8; j++) turned |= ((word >>> (4 * j)) & 15) << (4 * (7 - j));
  return turned;
};

export const COMPACT_FAULTS: readonly CompactFault[] = [
  {
    name: 'zero-without-one',
    says: 'Zeros are taken as they are stored, and not one more.',
    golden: 'int4',
    load: packed(({ zeros }) => ({ zeros: zeros.map((zero) => (zero + 15) & 15) })),
    enters: 'transformer.h.0',
  },
  {
    name: 'nibbles-high-first',
    says: 'The eight inputs of a word are read from its highest bits on.',
    golden: 'int4',
    load: packed(({ words }) => ({ words: words.map(highFirst) })),
    enters: 'transformer.h.0',
  },
  {
    name: 'group-index-ignored',
    says: 'Inputs are taken to follow one another in groups of 64, whatever `g_idx` says.',
    golden: 'act-order',
    load: packed(({ groups }) => ({ groups: groups.map((_, k) => Math.floor(k / 64)) })),
    enters: 'transformer.h.0',
  },
  {
    name: 'zeros-taken-for-8',
    says: 'Zeros are 8, as in symmetric checkpoints.',
    golden: 'act-order',
    load: packed(({ zeros }) => ({ zeros: zeros.map(() => 8) })),
    enters: 'transformer.h.0',
  },
  {
    name: 'biases-left-out',
    says: 'Biases that the original does not have are passed over.',
    golden: 'act-order',
    config: (config) => ({ ...config, no_bias: true }),
    enters: 'transformer.h.0',
  },
  {
    name: 'scales-in-bfloat16',
    says: 'Scales go through bfloat16.',
    golden: 'int4',
    load: packed(({ scales }) => ({ scales: widenBfloat16(roundToBfloat16(scales)) })),
    enters: 'transformer.h.0',
  },
  {
    name: 'weights-in-float16',
    says: 'Unpacked weights are rounded to float16.',
    golden: 'int4',
    load: async (name, sound) => {
      const values = await sound.load(name);
      return sound.tensors.get(name)?.packed ? widenFloat16(roundToFloat16(values)) : values;
    },
    enters: 'transformer.h.0',
  },
  {
    name: 'alpha-not-over-r',
    says: 'The scale of a LoRA is alpha, not alpha over r.',
    golden: 'finetune',
    load: changed(/lora_B/, times(64)),
    enters: 'transformer.h.0',
  },
  {
    name: 'alpha-over-root',
    says: 'The scale is alpha over √r, though the adapter does not say rslora.',
    golden: 'finetune',
    load: changed(/lora_B/, times(8)),
    enters: 'transformer.h.0',
  },
  {
    name: 'one-layer-forgotten',
    says: 'One of sixteen changes is left out.',
    golden: 'finetune',
    load: changed(/h\.2\.mlp\.w1\.lora_B/, times(0)),
    enters: 'transformer.h.2',
  },
  {
    name: 'factor-in-bfloat16',
    says: 'A factor in float16 goes through bfloat16.',
    golden: 'qlora',
    load: changed(/lora_A/, (values) => widenBfloat16(roundToBfloat16(values))),
    enters: 'transformer.ln_f',
  },
  {
    name: 'rslora-ignored',
    says: 'The scale is alpha over r, though the adapter says rslora.',
    golden: 'modern',
    load: changed(/lora_B/, (values, name) => times(1 / Math.sqrt(rankIn(name)))(values)),
    enters: 'transformer.visual',
  },
  {
    name: 'rank-pattern-not-in-scale',
    says: 'Ranks of single layers are heeded, and not in their scales.',
    golden: 'modern',
    load: changed(/lora_B/, (values, name) => times(Math.sqrt(rankIn(name) / 4))(values)),
    enters: 'transformer.ln_f',
  },
  {
    name: 'alpha-pattern-ignored',
    says: 'Alphas of single layers are passed over.',
    golden: 'modern',
    load: changed(/attn\.in_proj\.lora_B/, times(4)),
    enters: 'transformer.visual',
  },
  {
    name: 'encoder-not-adapted',
    says: 'The adapter is put on the decoder alone.',
    golden: 'modern',
    load: changed(/visual\..*lora_B/, times(0)),
    enters: 'transformer.visual',
  },
  {
    name: 'embeddings-of-the-base',
    says: '`wte`, which was trained as a whole, stays as it was.',
    golden: 'modern',
    load: asInBase(/wte/, 'golden/tiny'),
    enters: 'transformer.ln_f',
  },
  {
    name: 'scores-of-the-base',
    says: '`lm_head`, which was trained as a whole, stays as it was.',
    golden: 'modern',
    load: asInBase(/lm_head/, 'golden/tiny'),
    enters: 'logits',
  },
];

/** In the adapter `modern`. */
const rankIn = (name: string): number => (/h\.\d+\.attn\.c_proj/.test(name) ? 2 : /h\.1\.mlp\.w1/.test(name) ? 6 : 4);
