import type { Config } from '../architecture/config.ts';
import { weightShapes } from '../architecture/weight-shapes.ts';

/** How an optimiser treats a weight. */
export interface Treatment {
  /** Of the schedule's learning rate. */
  readonly multiplier: number;
  readonly decay: number;
}

const VISUAL = 'transformer.visual.';
const BLOCK = /^transformer\.visual\.transformer\.resblocks\.(\d+)\./;
const BEFORE_BLOCKS = /^transformer\.visual\.(conv1|positional_embedding|ln_pre)/;

/**
 * Layer-wise learning rates of the vision encoder and weight decay, for every weight (BEiT, Bao et al. 2021, arXiv 2106.08254, appendix;
 * the paper gives the rate 0.95 alone): what stands before the blocks learns at `layerDecay^(layers + 1)`, block i at
 * `layerDecay^(layers − i)`, everything after them at 1. Vectors, which are biases and the weights of norms, do not decay.
 *
 * Quirk: the library that the released script uses leaves out PyTorch's LayerNorm and biases by their class; the decoder's RMSNorm is a
 * class of the original's own, so there its weights decay.
 */
export function treatments(
  config: Config,
  { decay, layerDecay }: { decay: number; layerDecay: number },
): ReadonlyMap<string, Treatment> {
  const { layers } = config.visual;
  const treated = new Map<string, Treatment>();
  for (const [name, shape] of weightShapes(config)) {
    const block = BLOCK.exec(name);
    const above = block ? layers - Number(block[1]) : BEFORE_BLOCKS.test(name) ? layers + 1 : 0;
    treated.set(name, { multiplier: layerDecay ** above, decay: shape.length > 1 ? decay : 0 });
  }
  return treated;
}

/**
 * Which weights the stages of training change (the paper, section 3; `stage-3-script`: the released script, whose default freezes the
 * vision encoder).
 *
 * Quirk: paper and script differ in the third stage. The script freezes all of `visual`, then unfreezes `attn_pool`: so `ln_post` and
 * `proj` stay as they are, and `pos_embed`, the sine-cosine table that the model itself declares frozen, is trained. Here the paper's
 * adapter has `ln_post` and `proj`.
 */
export const STAGES = {
  'stage-1': (name: string) => name.startsWith(VISUAL) && !isTable(name),
  'stage-2': (name: string) => !isTable(name),
  'stage-3': (name: string) => !isTable(name) && (!name.startsWith(VISUAL) || isAdapter(name) || isAfterAdapter(name)),
  'stage-3-script': (name: string) => !name.startsWith(VISUAL) || isAdapter(name),
} as const satisfies Record<string, (name: string) => boolean>;

const isAdapter = (name: string): boolean => name.startsWith(`${VISUAL}attn_pool.`);
const isAfterAdapter = (name: string): boolean => name === `${VISUAL}proj` || name.startsWith(`${VISUAL}ln_post.`);
/** The original makes the table of positions with `requires_grad=False`. */
const isTable = (name: string): boolean => name === `${VISUAL}attn_pool.pos_embed`;
