import type { Device } from '../../tensor/device.ts';
import { tap } from '../../tensor/tap.ts';
import { type Tensor, tensor } from '../../tensor/tensor.ts';
import type { Config } from '../architecture/config.ts';
import { causalSpan } from './attention.ts';
import type { Cache } from './cache.ts';
import { logNFactors, ntkAlpha, rotaryRows } from './rotary-table.ts';

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
  readonly mostKeys: number;
  /** Nothing was cached before: spans count new rows, not rows of the cache. */
  readonly fresh: boolean;
  /** `[G, 3]`: where the new rows of each sequence go, see `append`; absent where there is no cache. */
  readonly segments: Tensor | undefined;
}

/** The new rows of one sequence. */
interface NewRows {
  /** The position of the first one. */
  readonly start: number;
  /** How many. */
  readonly T: number;
  /** The stretch of dynamic NTK. */
  readonly alpha: number;
  readonly logN: boolean;
  /** The row of the sequence's position 0 among the keys; among the new rows where nothing was cached before. */
  readonly firstKey?: number;
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
  const { seq_length: seqLength } = config;
  const active = cache.sequences.flatMap((sequence, i) => (lengths[i] > 0 ? [{ sequence, T: lengths[i] }] : []));
  const fresh = active.every(({ sequence }) => sequence.length === 0);
  const segments = new Int32Array(active.length * 3);
  let row = 0;
  const parts = active.map(({ sequence, T }, i): NewRows => {
    const { first, capacity, length: start } = sequence;
    if (start + T > capacity) {
      throw new RangeError(`decode: ${T} tokens from position ${start} do not fit a cache of ${capacity}`);
    }
    // Quirk: α is chosen when a whole sequence is fed at once; one-token steps keep it, also beyond the next threshold.
    if (start === 0) sequence.alpha = config.use_dynamic_ntk ? ntkAlpha(T, seqLength) : 1;
    segments.set([first + start, row, T], 3 * i);
    sequence.length += T;
    row += T;
    const logN = config.use_logn_attn && start + T > seqLength;
    return { start, T, alpha: sequence.alpha, logN, ...(fresh ? {} : { firstKey: first }) };
  });
  return {
    ...tables({ device, config }, parts),
    mostKeys: Math.max(...active.map(({ sequence, T }) => (fresh ? T : sequence.capacity))),
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
  const parts = lengths.map((T): NewRows => ({ start: 0, T, alpha: 1, logN: false }));
  return {
    ...tables({ device, config }, parts),
    mostKeys: Math.max(...lengths),
    fresh: true,
    segments: undefined,
  };
}

/** What the rows of all sequences take, one sequence below the other. */
function tables(
  { device, config }: { readonly device: Device; readonly config: Config },
  sequences: readonly NewRows[],
): Omit<DecoderPass, 'mostKeys' | 'fresh' | 'segments'> {
  const { kv_channels: d, seq_length: seqLength, rotary_emb_base: base } = config;
  const total = sequences.reduce((sum, { T }) => sum + T, 0);
  const cos = new Float32Array(total * d);
  const sin = new Float32Array(total * d);
  const logN = new Float32Array(total).fill(1);
  const span = new Int32Array(total * 2);
  let row = 0;
  for (const { start, T, alpha, logN: scaled, firstKey = row } of sequences) {
    const rows = rotaryRows(start, T, { d, base, alpha });
    cos.set(rows.cos, row * d);
    sin.set(rows.sin, row * d);
    if (scaled) logN.set(logNFactors(start, T, seqLength), row);
    span.set(causalSpan(firstKey, start, T), 2 * row);
    row += T;
  }
  return {
    heads: config.num_attention_heads,
    eps: config.layer_norm_epsilon,
    cos: tap('rotary_emb', tensor(device, cos, [total, d], { label: 'rotary cosines' })),
    sin: tensor(device, sin, [total, d], { label: 'rotary sines' }),
    logN: logN.some((factor) => factor !== 1) ? tensor(device, logN, [total], { label: 'log-n factors' }) : undefined,
    span: tensor(device, span, [total, 2], { label: 'causal span' }),
  };
}
