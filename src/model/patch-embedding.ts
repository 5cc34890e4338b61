import { add } from '../../kernels/add.ts';
import { layerNorm } from '../../kernels/layer-norm.ts';
import { linear } from '../../kernels/linear.ts';
import { patches } from '../../kernels/patches.ts';
import { resizeGrid } from '../../kernels/resize-grid.ts';
import { tap } from '../../tensor/tap.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { LAYER_NORM_EPS } from './vision.ts';

/** The weights around the blocks of the vision encoder, named from `transformer.visual.` on. */
export interface PatchEmbeddingWeights {
  'conv1.weight': Tensor;
  'ln_pre.weight': Tensor;
  'ln_pre.bias': Tensor;
}

/**
 * Pixels → patch vectors: a convolution whose stride is its size, written as a linear layer on the patches, plus learned
 * positions, then a LayerNorm (Dosovitskiy et al. 2020, arXiv 2010.11929, equation 1; no class token here).
 *
 * @param pixels `[B·3·S, S]`
 * @param positions `[L, D]`, on the patch grid
 * @param patch pixels a side of a patch
 * @returns `[B·L, D]`
 */
export function patchEmbedding(pixels: Tensor, w: PatchEmbeddingWeights, positions: Tensor, patch: number): Tensor {
  const grid = Math.sqrt(positions.shape[0]);
  const embedded = tap('conv1', linear(patches(pixels, grid, patch), w['conv1.weight'])); // [B·L, D]
  const placed = add(embedded, positions);
  return tap('ln_pre', layerNorm(placed, w['ln_pre.weight'], w['ln_pre.bias'], LAYER_NORM_EPS));
}

/**
 * A position table on another grid; the table itself when the grid is the same. The learned table of the encoder always
 * has 16 × 16 cells, and a 448-pixel image 32 × 32 patches.
 *
 * @param table `[G·G, D]`
 * @param grid cells a side of the result
 */
export function positionsOn(table: Tensor, grid: number): Tensor {
  const from = Math.sqrt(table.shape[0]);
  return from === grid ? table : resizeGrid(table, from, grid);
}
