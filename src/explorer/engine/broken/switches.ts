import { zeros } from '../../../../kernels/zeros.ts';
import type { Config } from '../../../architecture/config.ts';
import { splitMix64 } from '../../../generate/random.ts';
import type { FaultSwitch } from '../../../verify/faults/fault-switch.ts';
import { channelsReversed } from '../../../verify/faults/pictures.ts';
import { changed, permuted } from '../../../verify/faults/weights.ts';
import { changing, geluByTanh, rowsBackwards, withoutHead, withoutMask, withoutRotary } from './activations.ts';

/** A part with blocks and heads, one of which a switch is about. */
export interface Place {
  readonly block: number;
  readonly head: number;
}

/** Something that can be switched off in the model, or be done wrong. */
export interface ModelSwitch {
  readonly name: string;
  /** What is off, and what it is there for. */
  readonly title: string;
  readonly says: string;
  /** It is about one head of a block of this part. */
  readonly of?: 'vision' | 'decoder';
  /** It needs a question with so many pictures. */
  readonly pictures?: number;
  how(place: Place, config: Config): FaultSwitch;
}

/** All of them, in the order in which data flows. */
export const SWITCHES: readonly ModelSwitch[] = [
  {
    name: 'channels',
    title: 'Red and blue exchanged',
    says: 'The pictures come with their channels in the order blue, green, red, as some libraries read them.',
    how: () => ({ inputs: channelsReversed }),
  },
  {
    name: 'picture-order',
    title: 'Pictures in the wrong order',
    says: 'The first picture takes the place of the last one.',
    pictures: 2,
    how: () => ({
      inputs: (inputs) => {
        const area = 3 * inputs.size ** 2;
        const last = (inputs.images - 1) * area;
        return { ...inputs, pixels: permuted(inputs.pixels, (i) => last - (i - (i % area)) + (i % area)) };
      },
    }),
  },
  {
    name: 'encoder-positions',
    title: "The vision encoder's 2-D positions off",
    says: 'Patches are a bag: nothing says which one stands where.',
    how: () => changed(/^transformer\.visual\.positional_embedding$/, (values) => values.map(() => 0)),
  },
  {
    name: 'gelu',
    title: 'GELU by tanh',
    says: 'The vision encoder takes the approximation that other models use, which is off by up to 0.0005.',
    how: () => ({ activations: geluByTanh }),
  },
  {
    name: 'encoder-head',
    title: 'A head of the vision encoder off',
    says: 'What one head of one block mixes is 0.',
    of: 'vision',
    how: ({ block, head }, { visual }) => ({
      activations: () => withoutHead(`transformer.visual.transformer.resblocks.${block}`, head, visual.heads),
    }),
  },
  {
    name: 'adapter-positions',
    title: "The adapter's 2-D positions off",
    says: 'Neither its queries nor the patches that they read say where they are.',
    how: () => changed(/^transformer\.visual\.attn_pool\.pos_embed$/, (values) => values.map(() => 0)),
  },
  {
    name: 'queries',
    title: "The adapter's queries shuffled",
    says: 'Every learned query is at the position of another one.',
    how: (_, { visual }) => {
      const order = shuffled(visual.n_queries);
      const C = visual.output_dim;
      return changed(/^transformer\.visual\.attn_pool\.query$/, (values) =>
        permuted(values, (i) => order[Math.floor(i / C)] * C + (i % C)),
      );
    },
  },
  {
    name: 'rows',
    title: "The picture's rows backwards",
    says: 'What the adapter made of a picture stands in the prompt from its last row to its first.',
    how: () => ({ activations: rowsBackwards }),
  },
  {
    name: 'blind',
    title: "The picture's rows are zeros",
    says: 'The decoder sees nothing of the picture: what it says then, it says of its own.',
    how: () => ({
      activations: ({ device }) =>
        changing(/^transformer\.visual$/, ({ shape: [rows, C] }) => zeros(device, [rows, C])),
    }),
  },
  {
    name: 'ntk',
    title: 'Positions stretched',
    says: 'Dynamic NTK stretches rotary as for a prompt four times as long as the model was trained on.',
    how: () => ({
      config: (config) => {
        const { kv_channels: d, rotary_emb_base: base } = config;
        return { ...config, rotary_emb_base: base * FOUR_TIMES_THE_LENGTH ** (d / (d - 2)) };
      },
    }),
  },
  {
    name: 'rotary',
    title: 'Rotary positions off',
    says: 'To the decoder the words of the prompt are in no order, but for who sees whom.',
    how: () => ({ activations: withoutRotary }),
  },
  {
    name: 'log-n',
    title: 'Log-n scaling from the 16th token on',
    says: 'Queries are scaled as if the model had been trained on 16 tokens: attention becomes sharper.',
    how: () => ({
      config: (config) => ({ ...config, use_logn_attn: true, use_dynamic_ntk: false, seq_length: 16 }),
    }),
  },
  {
    name: 'mask',
    title: 'The causal mask off',
    says: 'Every token of the prompt sees those after it, too.',
    how: () => ({ activations: withoutMask }),
  },
  {
    name: 'decoder-head',
    title: 'A head of the decoder off',
    says: 'What one head of one block mixes is 0.',
    of: 'decoder',
    how: ({ block, head }, { num_attention_heads: heads }) => ({
      activations: () => withoutHead(`transformer.h.${block}`, head, heads),
    }),
  },
];

/** Dynamic NTK's α of a prompt of four times seq_length, see rotary-table.ts. */
const FOUR_TIMES_THE_LENGTH = 7;

/** A permutation that is always the same (Fisher and Yates). */
function shuffled(count: number): number[] {
  const random = splitMix64(1);
  const order = Array.from({ length: count }, (_, i) => i);
  for (let i = count - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [order[i], order[j]] = [order[j], order[i]];
  }
  return order;
}
