import type { Recipe } from '../../tensor/simd/recipe.ts';
import { func } from '../../tensor/wasm/code.ts';
import { i32, memory } from '../../tensor/wasm/instructions.ts';
import { at, words } from './address.ts';

/**
 * `patches`: row r of the result is one patch of `patch`² pixels in three channels, copied line by line; patches in
 * row-major order of a `grid` × `grid`, image after image. The rows from `start` to `end`.
 */
export const patches = func(
  'patches',
  { pixels: 'i32', y: 'i32', grid: 'i32', patch: 'i32', start: 'i32', end: 'i32' },
  (code, { pixels, y, grid, patch, start, end }) => {
    const bytes = code.let(words(patch));
    const lines = code.let(i32.mul(patch, 3));
    const to = code.let(at(y, i32.mul(start, lines), bytes));
    code.for(start, end, 1, (row) => {
      const gridRow = code.let(i32.div_u(row, grid)); // counted through all images
      const image = code.let(i32.div_u(gridRow, grid));
      const inImage = code.let(i32.rem_u(gridRow, grid));
      const column = code.let(i32.mul(i32.rem_u(row, grid), bytes));
      code.for(0, 3, 1, (channel) => {
        const plane = code.let(i32.mul(i32.add(i32.mul(image, 3), channel), grid));
        const first = code.let(i32.mul(i32.add(plane, inImage), patch));
        code.for(0, patch, 1, (line) => {
          const from = i32.add(at(pixels, i32.add(first, line), i32.mul(grid, bytes)), column);
          code.run(memory.copy(to, from, bytes));
          code.set(to, i32.add(to, bytes));
        });
      });
    });
  },
);

export const recipes: readonly Recipe[] = [
  {
    op: 'patches',
    kernels: [patches],
    run: (host, [pixels], { B, grid, patch }, y) =>
      host.run(patches, { pixels: pixels.at, y: y.at, grid, patch }, B * grid * grid, 3 * B * (grid * patch) ** 2),
  },
];
