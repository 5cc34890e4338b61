import type { Recipe } from '../../tensor/simd/recipe.ts';
import { func } from '../../tensor/wasm/code.ts';
import { f32x4, i32 } from '../../tensor/wasm/instructions.ts';
import { at } from './address.ts';
import { forLanes } from './lanes.ts';
import { zeros } from './zeros.ts';

/** Terms that are added up before their sum joins the others', as in the kernels of GPU.js. */
const SUM_BLOCK = 32;

/**
 * `foldRows` and `biasGradient`: y[i] = Σ over `count` terms of x, which lie `stride` bytes apart, the first at x[i]; the elements from
 * `start` to `end`.
 */
export const fold = func(
  'fold',
  { x: 'i32', y: 'i32', count: 'i32', stride: 'i32', start: 'i32', end: 'i32' },
  (code, { x, y, count, stride, start, end }) => {
    forLanes(code, start, end, ({ load, store }) => {
      const sum = code.let(f32x4.const(0));
      const part = code.let(f32x4.const(0));
      code.for(0, count, SUM_BLOCK, (first) => {
        code.set(part, f32x4.const(0));
        const last = code.let(i32.add(first, SUM_BLOCK));
        code.if(i32.lt_u(count, last), () => code.set(last, count));
        const term = code.let(at(x, first, stride));
        code.for(first, last, 1, () => {
          code.set(part, f32x4.add(part, load(term)));
          code.set(term, i32.add(term, stride));
        });
        code.set(sum, f32x4.add(sum, part));
      });
      store(y, sum);
    });
  },
);

export const recipes: readonly Recipe[] = [
  {
    op: 'biasGradient',
    kernels: [zeros, fold],
    run(host, [x], { N, M, R, start }, y) {
      if (M < R) host.run(zeros, { y: y.at }, R);
      host.run(fold, { x: x.at, y: y.at + 4 * start, count: N, stride: 4 * M }, M, N * M);
    },
  },
  {
    op: 'foldRows',
    kernels: [fold],
    run: (host, [x], { B, M, D }, y) =>
      host.run(fold, { x: x.at, y: y.at, count: B, stride: 4 * M * D }, M * D, B * M * D),
  },
];
