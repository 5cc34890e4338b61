import { tile } from '../../../kernels/simd/tile.ts';
import { PANEL } from '../../../kernels/simd/weight-types.ts';
import { createArena } from '../arena.ts';
import { panels } from '../panels.ts';
import type { Prepared, Problem, Rung } from '../rung.ts';

// #region kernel
/** Tiles of up to `height` rows and 8 columns, made by kernels/simd/tile.ts: `height` × 2 vectors of sums. */
export const overTiles =
  (height: number) =>
  ({ M, K, N, x, w }: Problem): Prepared => {
    const arena = createArena();
    const tiles = arena.compile(Array.from({ length: height }, (_, i) => tile('float32', i + 1, 1)));
    const [atX, atW] = [arena.put(x), arena.put(panels(w, N, K, PANEL))];
    const atY = arena.allocate(4 * M * N);
    return {
      run() {
        for (let n = 0; n < N; n += PANEL) {
          for (let m = 0; m < M; m += height) {
            const compute = tiles[Math.min(height, M - m) - 1];
            const y = atY + 4 * (m * N + n);
            compute(atX + 4 * m * K, 4 * K, 4, atW + 4 * n * K, 0, 4 * PANEL, y, 4 * N, K, N - n, 0, 0);
          }
        }
      },
      result: () => arena.floats(atY, M * N),
    };
  };

const prepare = overTiles(4);
// #endregion

export const rung: Rung = {
  name: '13-wider-tile',
  title: 'A wider tile: 4 × 8',
  prediction:
    'Six loads for eight vector multiply-adds instead of five for four, and eight chains. Eight sums, two weights, four x and one product are 15 registers, all there are. 1.4 times. One row has two chains: 1.5 times, if memory gives as much.',
  predicted: { prefill: 1.4, decode: 1.5 },
  why: "Nearly the whole roof: V8's code for this loop keeps everything in registers, and the multiply and add units never wait. The panel of 128 KB comes from the second-level cache for each tile, 32 bytes in five cycles, which is no effort for it. Decode gains less than predicted: two chains help, but one stream does not keep memory busy.",
  shows: [['kernels/simd/tile.ts', 'tile']],
  instructions: 'simd',
  threads: 'one',
  weightBytes: 4,
  prepare,
};
