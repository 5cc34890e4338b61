import type { Recipe } from '../../tensor/simd/recipe.ts';
import { func } from '../../tensor/wasm/code.ts';
import { f32, i32 } from '../../tensor/wasm/instructions.ts';
import { at, words } from './address.ts';

/** No mean of numbers is larger. */
const LARGEST_MEAN = 3e38;

/**
 * `argmax`: the index (int32) of each row's largest element, the first of equals, or −1 where an element is NaN or infinite; V
 * columns, share = 1 / V; the rows from `start` to `end`.
 */
export const argmax = func(
  'argmax',
  { x: 'i32', index: 'i32', V: 'i32', share: 'f32', start: 'i32', end: 'i32' },
  (code, { x, index, V, share, start, end }) => {
    code.for(start, end, 1, (row) => {
      const from = code.let(at(x, row, words(V)));
      const best = code.let(i32.const(0));
      const largest = code.let(f32.load(from));
      const mean = code.let(f32.mul(largest, share));
      code.for(1, V, 1, (column) => {
        const candidate = code.let(f32.load(at(from, column)));
        code.set(mean, f32.add(mean, f32.mul(candidate, share)));
        code.if(f32.gt(candidate, largest), () => {
          code.set(largest, candidate);
          code.set(best, column);
        });
      });
      const place = code.let(at(index, row));
      code.run(i32.store(place, i32.const(-1)));
      code.if(f32.gt(LARGEST_MEAN, f32.abs(mean)), () => code.run(i32.store(place, best)));
    });
  },
);

export const recipes: readonly Recipe[] = [
  {
    op: 'argmax',
    kernels: [argmax],
    run: (host, [x], { N, V }, y) => host.run(argmax, { x: x.at, index: y.at, V, share: 1 / V }, N, N * V),
  },
];
