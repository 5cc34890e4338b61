import { zeros } from '../../kernels/zeros.ts';
import type { Device } from '../../tensor/device.ts';
import { keep } from '../../tensor/scope.ts';
import { tap } from '../../tensor/tap.ts';
import { freeAll, type Tensor, tensor } from '../../tensor/tensor.ts';
import { causalSpan } from './attention.ts';
import type { Config } from './config.ts';
import { logNFactors, ntkAlpha, rotaryRows } from './rotary-table.ts';

/** Keys (after rotary) and values of one block for every position so far: `[capacity, H·d]` each. */
export interface BlockCache {
  key: Tensor;
  value: Tensor;
}

/** A sequence's part of every block's cache: rows `first` to `first + capacity`, filled from the top. */
export interface Sequence {
  readonly first: number;
  readonly capacity: number;
  length: number;
  /** The stretch of dynamic NTK, chosen by the prefill. */
  alpha: number;
}

/** What a decoder remembers of one or several sequences. */
export interface Cache {
  readonly blocks: readonly BlockCache[];
  readonly sequences: readonly Sequence[];
}

/** What all blocks of one forward pass share: tables for the new rows, those of all sequences one below the other. */
export interface DecoderPass {
  readonly heads: number;
  readonly eps: number;
  /** `[T, d]` each. */
  readonly cos: Tensor;
  readonly sin: Tensor;
  /** `[T]`, absent when all are 1. */
  readonly logN: Tensor | undefined;
  /** `[T, 2]`: each row sees its own sequence's positions up to its own. */
  readonly span: Tensor;
  /** The largest number of keys that a row may see. */
  readonly columns: number;
  /** Nothing was cached before: spans count new rows, not rows of the cache. */
  readonly fresh: boolean;
  /** `[G, 3]`: where the new rows of each sequence go, see `append`; absent where there is no cache. */
  readonly segments: Tensor | undefined;
}

/** An empty cache for as many sequences as there are capacities, each of up to so many positions. */
export function createCache(
  { device, config }: { readonly device: Device; readonly config: Config },
  ...capacities: readonly number[]
): Cache {
  const { num_attention_heads: heads, kv_channels: d, num_hidden_layers: layers } = config;
  let rows = 0;
  const sequences = capacities.map((capacity) => {
    rows += capacity;
    return { first: rows - capacity, capacity, length: 0, alpha: 1 };
  });
  const empty = () => keep(zeros(device, [rows, heads * d]));
  const blocks = Array.from({ length: layers }, () => ({ key: empty(), value: empty() }));
  return { blocks, sequences };
}

export function freeCache(cache: Cache): void {
  const owned = cache.blocks.flatMap(({ key, value }) => [key, value]);
  freeAll(owned[0].device, owned);
}

/**
 * Begins a forward pass: prepares the tables for the new rows of each sequence, and counts them as cached.
 *
 * @param lengths how many new rows each sequence of the cache has, 0 included
 * @throws RangeError when they do not fit the cache
 */
export function decoderPass(
  { device, config }: { readonly device: Device; readonly config: Config },
  cache: Cache,
  lengths: readonly number[],
): DecoderPass {
  const { kv_channels: d, seq_length: seqLength, rotary_emb_base: base } = config;
  const active = cache.sequences.flatMap((sequence, i) => (lengths[i] > 0 ? [{ sequence, T: lengths[i] }] : []));
  const total = active.reduce((sum, { T }) => sum + T, 0);
  const fresh = active.every(({ sequence }) => sequence.length === 0);
  const cos = new Float32Array(total * d);
  const sin = new Float32Array(total * d);
  const logN = new Float32Array(total).fill(1);
  const span = new Int32Array(total * 2);
  const segments = new Int32Array(active.length * 3);

  let row = 0;
  for (const [i, { sequence, T }] of active.entries()) {
    const { first, capacity, length: start } = sequence;
    if (start + T > capacity) {
      throw new RangeError(`decode: ${T} tokens from position ${start} do not fit a cache of ${capacity}`);
    }
    // Quirk: α is chosen when a whole sequence is fed at once; one-token steps keep it, also beyond the next threshold.
    if (start === 0) sequence.alpha = config.use_dynamic_ntk ? ntkAlpha(T, seqLength) : 1;
    const rows = rotaryRows(start, T, { d, base, alpha: sequence.alpha });
    cos.set(rows.cos, row * d);
    sin.set(rows.sin, row * d);
    if (config.use_logn_attn && start + T > seqLength) logN.set(logNFactors(start, T, seqLength), row);
    span.set(causalSpan(fresh ? row : first, start, T), 2 * row);
    segments.set([first + start, row, T], 3 * i);
    sequence.length += T;
    row += T;
  }
  return {
    heads: config.num_attention_heads,
    eps: config.layer_norm_epsilon,
    cos: tap('rotary_emb', tensor(device, cos, [total, d], { label: 'rotary cosines' })),
    sin: tensor(device, sin, [total, d], { label: 'rotary sines' }),
    logN: logN.some((factor) => factor !== 1) ? tensor(device, logN, [total], { label: 'log-n factors' }) : undefined,
    span: tensor(device, span, [total, 2], { label: 'causal span' }),
    columns: Math.max(...active.map(({ sequence, T }) => (fresh ? T : sequence.capacity))),
    fresh,
    segments: tensor(device, segments, [active.length, 3], { label: 'cache segments' }),
  };
}

/**
 * A forward pass in training: whole sequences, nothing remembered, positions from 0 in each. Quirk: dynamic NTK and log-n are off.
 *
 * @param lengths of the sequences, whose rows stand one below the other
 */
export function trainingPass(
  { device, config }: { readonly device: Device; readonly config: Config },
  lengths: readonly number[],
): DecoderPass {
  const { kv_channels: d, rotary_emb_base: base } = config;
  const total = lengths.reduce((sum, T) => sum + T, 0);
  const longest = rotaryRows(0, Math.max(...lengths), { d, base, alpha: 1 });
  const cos = new Float32Array(total * d);
  const sin = new Float32Array(total * d);
  const span = new Int32Array(total * 2);
  let row = 0;
  for (const T of lengths) {
    cos.set(longest.cos.subarray(0, T * d), row * d);
    sin.set(longest.sin.subarray(0, T * d), row * d);
    span.set(causalSpan(row, 0, T), 2 * row);
    row += T;
  }
  return {
    heads: config.num_attention_heads,
    eps: config.layer_norm_epsilon,
    cos: tap('rotary_emb', tensor(device, cos, [total, d], { label: 'rotary cosines' })),
    sin: tensor(device, sin, [total, d], { label: 'rotary sines' }),
    logN: undefined,
    span: tensor(device, span, [total, 2], { label: 'causal span' }),
    columns: Math.max(...lengths),
    fresh: true,
    segments: undefined,
  };
}
