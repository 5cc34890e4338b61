import { launch, type Matrix, type Op, type Thread } from '../tensor/op.ts';
import { parseSignature } from '../tensor/signature.ts';
import type { Tensor } from '../tensor/tensor.ts';

/**
 * Cuts images into patches, one a row: patches in row-major grid order, in a patch the channels, then rows, then columns.
 * A convolution whose stride is its size is a linear layer on these rows (Dosovitskiy et al. 2020, arXiv 2010.11929,
 * section 3.1).
 *
 * @param pixels `[B·3·grid·patch, grid·patch]`: the rows of three channels of B images
 * @param grid patches a side
 * @param patch pixels a side of a patch
 * @returns `[B·grid·grid, 3·patch·patch]`
 */
export function patches(pixels: Tensor, grid: number, patch: number): Tensor {
  return launch(op, [pixels], { grid, patch });
}

const op: Op = {
  name: 'patches',
  signature: parseSignature('pixels[B*3*grid*patch,grid*patch] -> y[B*grid*grid,3*patch*patch]'),
  cost: () => ({ operations: 0 }),
  kernels: (run, [pixels], { B, grid, patch }) => run(cut, [B * grid * grid, 3 * patch * patch], pixels, grid, patch),
};

const cut = function (this: Thread, pixels: Matrix, grid: number, patch: number) {
  const gridRow = Math.floor((this.thread.y + 0.5) / grid); // counted through all images
  const gridColumn = this.thread.y - gridRow * grid;
  const image = Math.floor((gridRow + 0.5) / grid);
  const line = Math.floor((this.thread.x + 0.5) / patch); // counted through the three channels
  const channel = Math.floor((line + 0.5) / patch);
  const row = ((image * 3 + channel) * grid + (gridRow - image * grid)) * patch + (line - channel * patch);
  return pixels[row][gridColumn * patch + (this.thread.x - line * patch)];
};
