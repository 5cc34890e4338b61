import { zeros } from '../../kernels/zeros.ts';
import type { Device } from '../../tensor/device.ts';
import { keep } from '../../tensor/scope.ts';
import { freeAll, type Tensor } from '../../tensor/tensor.ts';
import type { Config } from '../architecture/config.ts';

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
