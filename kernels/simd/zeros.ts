import type { Recipe } from '../../tensor/simd/recipe.ts';
import { func } from '../../tensor/wasm/code.ts';
import { i32, memory } from '../../tensor/wasm/instructions.ts';
import { at, words } from './address.ts';

/** `zeros`: the elements of y from `start` to `end`. */
export const zeros = func('zeros', { y: 'i32', start: 'i32', end: 'i32' }, (code, { y, start, end }) => {
  code.run(memory.fill(at(y, start), 0, words(i32.sub(end, start))));
});

export const recipes: readonly Recipe[] = [
  {
    op: 'zeros',
    kernels: [zeros],
    run: (host, _, { N, D }, y) => host.run(zeros, { y: y.at }, N * D),
  },
];
