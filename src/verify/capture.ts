import { gatherRows } from '../../kernels/gather-rows.ts';
import { scope } from '../../tensor/scope.ts';
import { type Listener, path, withListener } from '../../tensor/tap.ts';
import { type Tensor, tensor } from '../../tensor/tensor.ts';
import { imageRows } from '../model/placed-images.ts';
import { type Cache, createCache, decode, encodeImages, freeCache, logits, type Model } from '../model/qwen-vl.ts';
import type { GoldenInputs, GoldenTap } from './golden.ts';
import { isFirst } from './tap-kinds.ts';

/**
 * Hears an activation, which may be freed right after: what it wants of it, it reads at once. `inherits` tells where blocks are forced that
 * this one's was not: the golden lacks the activation that it begins with.
 */
export type Take = (name: string, activation: Tensor, inherits?: boolean) => void;

/** How the taps of a pass become known. */
export interface CaptureOptions {
  readonly take: Take;
  /** Golden activations that take the place of ours where a block ends, so that the next begins with the original's. */
  readonly forced?: ReadonlyMap<string, GoldenTap>;
  /** Puts something else in an activation's place before anyone sees it: a planted fault. */
  readonly plant?: Listener | undefined;
}

/**
 * Runs a prompt and, unless blocks are forced, the decoding steps that follow it. Everything is queued when it returns.
 * Beyond the model's own taps there are `logits`, its last row `lm_head.last`, `cache.0.key` and `cache.0.value` after the prompt, and `decode.i.logits`.
 */
export function capture(model: Model, inputs: GoldenInputs, { take, forced, plant }: CaptureOptions): void {
  const { ids, pixels, images, size } = inputs;
  const tokens = forced ? new Int32Array(0) : inputs.tokens; // a golden holds no cache to force steps with
  let inherits = false;
  const listener: Listener = (name, activation) => {
    const planted = plant?.(name, activation);
    take(name, planted ?? activation, inherits && !isFirst(name));
    const ends = endsBlock(name);
    const values = ends ? forced?.get(name)?.values : undefined;
    if (forced && ends && name !== EMBEDDED) inherits = values === undefined;
    return values ? tensor(model.device, values, activation.shape, { label: `golden ${name}` }) : planted;
  };
  const cache = createCache(model, ids.length + tokens.length);
  try {
    withListener(listener, () =>
      scope<void>(() => {
        const uploaded =
          images > 0 ? tensor(model.device, pixels, [images * 3 * size, size], { label: 'pixels' }) : undefined;
        const features = uploaded && encodeImages(model, uploaded);
        const hidden = decode(model, ids, cache, features && { features, source: imageRows([ids], model.config) });
        const scores = logits(model, hidden);
        take('logits', scores);
        take(
          'lm_head.last',
          gatherRows(scores, tensor(model.device, Int32Array.of(ids.length - 1), [1], { label: 'last row' })),
        );
      }),
    );
    takeCache(cache, ids.length, take);
    for (const [step, token] of tokens.entries()) {
      scope<void>(() => take(`decode.${step}.logits`, logits(model, decode(model, Int32Array.of(token), cache))));
    }
  } finally {
    freeCache(cache);
  }
}

/** Whether a tap is what the next block begins with: a block's own output, or what stands between blocks. */
const endsBlock = (name: string): boolean => (name === path() && name !== LAST) || BETWEEN.has(name);

/** Rows of a table, which are exact whatever came before. */
const EMBEDDED = 'transformer.wte';
const BETWEEN = new Set(['transformer.visual.ln_pre', EMBEDDED, 'transformer.ln_f']);
const LAST = 'lm_head';

/** The first block's cache after the prompt; its rest is still empty. */
function takeCache(cache: Cache, length: number, take: Take): void {
  const rows = Int32Array.from({ length }, (_, row) => row);
  scope<void>(() => {
    for (const part of ['key', 'value'] as const) {
      const whole = cache.blocks[0][part];
      take(`cache.0.${part}`, gatherRows(whole, tensor(whole.device, rows, [length], { label: 'cached rows' })));
    }
  });
}
