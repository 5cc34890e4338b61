import type { Recipe } from '../../tensor/simd/recipe.ts';
import { func } from '../../tensor/wasm/code.ts';
import { f32x4, i32 } from '../../tensor/wasm/instructions.ts';
import { at, words } from './address.ts';
import { forLanes } from './lanes.ts';

/**
 * `rotary`: [y₁, y₂] = [x₁·cos₁ − x₂·sin₁, x₂·cos₂ + x₁·sin₂] for the halves of each of H heads of size d. Rows of x
 * and y lie `xRow` and `yRow` bytes apart, so that x may be a part of a wider projection; cos and sin are `[N, d]`. The
 * rows from `start` to `end`.
 */
export const rotary = func(
  'rotary',
  {
    x: 'i32',
    cos: 'i32',
    sin: 'i32',
    y: 'i32',
    xRow: 'i32',
    yRow: 'i32',
    H: 'i32',
    d: 'i32',
    start: 'i32',
    end: 'i32',
  },
  (code, { x, cos, sin, y, xRow, yRow, H, d, start, end }) => {
    const { add, sub, mul } = f32x4;
    const bytes = code.let(words(d));
    const half = code.let(i32.div_u(d, 2));
    const second = code.let(words(half));
    code.for(start, end, 1, (row) => {
      const [c, s] = [code.let(at(cos, row, bytes)), code.let(at(sin, row, bytes))];
      code.for(0, H, 1, (head) => {
        const from = code.let(at(at(x, row, xRow), head, bytes));
        const to = code.let(at(at(y, row, yRow), head, bytes));
        const other = code.let(i32.add(from, second));
        forLanes(code, 0, half, ({ load, store }) => {
          const [a, b] = [code.let(load(from)), code.let(load(other))];
          store(to, sub(mul(a, load(c)), mul(b, load(s))));
          store(i32.add(to, second), add(mul(b, load(i32.add(c, second))), mul(a, load(i32.add(s, second)))));
        });
      });
    });
  },
);

export const recipes: readonly Recipe[] = [
  {
    op: 'rotary',
    kernels: [rotary],
    run(host, [cos, sin, x], { N, H, d }, y) {
      const row = 4 * H * d;
      host.run(rotary, { x: x.at, cos: cos.at, sin: sin.at, y: y.at, xRow: row, yRow: row, H, d }, N, 3 * N * H * d);
    },
  },
];
