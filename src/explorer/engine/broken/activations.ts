import { attentionScores, attentionValues } from '../../../../kernels/attention-products.ts';
import { columns } from '../../../../kernels/columns.ts';
import { gatherRows } from '../../../../kernels/gather-rows.ts';
import { softmax } from '../../../../kernels/softmax.ts';
import type { Listener } from '../../../../tensor/tap.ts';
import { type Tensor, tensor } from '../../../../tensor/tensor.ts';
import { groupSpan } from '../../../model/attention.ts';
import type { Model } from '../../../model/qwen-vl.ts';
import { hearing } from '../../../verify/faults/hearing.ts';
import { changedOnHost, tanhGelu } from './on-host.ts';

/** Queries, keys and values of a decoder block as `c_attn` makes them, before anything turns them. */
const partOf = (qkv: Tensor, part: 0 | 1 | 2): Tensor => {
  const width = qkv.shape[1] / 3;
  return columns(qkv, { start: part * width, width });
};

/** Queries and keys are not turned: to the decoder all positions are alike. */
export function withoutRotary(): Listener {
  let qkv: Tensor | undefined;
  return (name, activation) => {
    if (/^transformer\.h\.\d+\.attn\.c_attn$/.test(name)) qkv = activation;
    if (/^transformer\.h\.\d+\.attn\.q_rotated$/.test(name)) return partOf(qkv!, 0);
    if (/^transformer\.h\.\d+\.attn\.k_rotated$/.test(name)) return partOf(qkv!, 1);
    return undefined;
  };
}

/** Every row of the prompt sees all others. A token of the answer has none after it, and sees all before it anyway. */
export function withoutMask({ device, config }: Model): Listener {
  const { num_attention_heads: heads, kv_channels: d } = config;
  const heard = new Map<string, Tensor>();
  /** What belongs in the place of an activation of T rows. */
  const unmasked = (what: string, T: number): Tensor | undefined => {
    const span = tensor(device, groupSpan(1, T, T), [T, 2]);
    const [query, key] = [heard.get('q_logn') ?? heard.get('q_rotated')!, heard.get('k_rotated')!];
    if (what === 'scores') return attentionScores(query, key, span, { heads, mostKeys: T, divisor: Math.sqrt(d) });
    if (what === 'attn_dropout') return softmax(heard.get('scores')!, span);
    if (what === 'values') return attentionValues(heard.get('attn_dropout')!, partOf(heard.get('c_attn')!, 2), span);
    return undefined;
  };
  return (name, activation) => {
    const [, what] = /^transformer\.h\.\d+\.attn\.(\w+)$/.exec(name) ?? [];
    if (what === undefined) return undefined;
    if (what === 'c_attn') heard.clear(); // another block begins
    const T = heard.get('c_attn')?.shape[0];
    const scores = what === 'scores' ? activation : heard.get('scores');
    // Over the cache there are more columns than rows.
    const planted = T !== undefined && scores?.shape[1] === T ? unmasked(what, T) : undefined;
    heard.set(what, planted ?? activation);
    return planted;
  };
}

/** GELU is its tanh approximation. */
export const geluByTanh = (): Listener =>
  hearing((name, heard) =>
    name.endsWith('.mlp.gelu') ? changedOnHost(heard(name.replace(/gelu$/, 'c_fc')), tanhGelu) : undefined,
  );

/** A head of one block contributes nothing: what it mixed is 0. */
export function withoutHead(block: string, head: number, heads: number): Listener {
  const wanted = `${block}.attn.values`;
  return (name, values) => {
    if (name !== wanted) return undefined;
    const [, width] = values.shape;
    const d = width / heads;
    return changedOnHost(values, (elements) =>
      elements.map((value, at) => (Math.floor((at % width) / d) === head ? 0 : value)),
    );
  };
}

/** Every activation of this name is changed. */
export const changing =
  (wanted: RegExp, change: (activation: Tensor) => Tensor): Listener =>
  (name, activation) =>
    wanted.test(name) ? change(activation) : undefined;

/** The rows of each picture from the last to the first. */
export const rowsBackwards = ({ device, config }: Model): Listener =>
  changing(/^transformer\.visual$/, (features) => {
    const { n_queries: Q } = config.visual;
    const order = Int32Array.from({ length: features.shape[0] }, (_, row) => row - (row % Q) + (Q - 1 - (row % Q)));
    return gatherRows(features, tensor(device, order, [order.length]));
  });
