import { at, words } from '../../kernels/simd/address.ts';
import { forLanes, sumAcross } from '../../kernels/simd/lanes.ts';
import type { Recipe } from '../../tensor/simd/recipe.ts';
import { func } from '../../tensor/wasm/code.ts';
import { f32, f32x4, i32, v128 } from '../../tensor/wasm/instructions.ts';
import type { Value } from '../../tensor/wasm/values.ts';

/** Sums under way: more than one multiplication and addition take cycles, and no more than there are registers. */
const CHAINS = 12;

/** `multiplyAddRoof`: the elements from `start` to `end`. */
export const multiplyAddRoof = func(
  'multiplyAddRoof',
  { x: 'i32', y: 'i32', turns: 'i32', start: 'i32', end: 'i32' },
  (code, { x, y, turns, start, end }) => {
    forLanes(code, start, end, ({ load, store }) => {
      const first = code.let(load(x));
      const sums = Array.from({ length: CHAINS }, (_, i) => code.let(f32x4.add(first, f32x4.const(i))));
      const [half, one] = [code.let(f32x4.const(0.5)), code.let(f32x4.const(1))];
      // The sum is multiplied too: a product of two constants would be computed once, before the loop.
      code.for(0, turns, 1, () => {
        for (const sum of sums) code.set(sum, code.multiplyAdd(sum, half, one));
      });
      store(
        y,
        sums.slice(1).reduce<Value<'v128'>>((total, sum) => f32x4.add(total, sum), sums[0]),
      );
    });
  },
);

/** Streams that are read side by side: one alone does not keep memory busy. */
const STREAMS = 4;
/** Vectors that a stream reads at a time: a cache line. */
const VECTORS = 4;
/** Streams whose lines are added to sums of their own. With one set of sums each would wait for the one before, and a cache for them. */
const SUMMED_APART = 2;

/** `memoryRoof`: the rows from `start` to `end`. */
export const memoryRoof = func(
  'memoryRoof',
  { x: 'i32', y: 'i32', D: 'i32', turns: 'i32', start: 'i32', end: 'i32' },
  (code, { x, y, D, turns, start, end }) => {
    const elements = 4 * VECTORS;
    const part = code.let(i32.mul(i32.div_u(D, STREAMS * elements), elements * 4)); // bytes of a stream
    code.for(start, end, 1, (row) => {
      const from = code.let(at(x, row, words(D)));
      const sums = Array.from({ length: SUMMED_APART * VECTORS }, () => code.let(f32x4.const(0)));
      code.for(0, turns, 1, () => {
        code.for(0, part, 16 * VECTORS, (offset) => {
          for (let stream = 0; stream < STREAMS; stream++) {
            const line = code.let(i32.add(at(from, stream, part), offset));
            const own = sums.slice((stream % SUMMED_APART) * VECTORS).slice(0, VECTORS);
            for (const [i, sum] of own.entries()) code.set(sum, f32x4.add(sum, v128.load(line, 16 * i)));
          }
        });
        // Four streams of `part` bytes are `part` elements.
        forLanes(code, part, D, ({ load, once }) => code.set(sums[0], f32x4.add(sums[0], once(load(from)))));
      });
      const total = sums.slice(1).reduce<Value<'v128'>>((sum, next) => f32x4.add(sum, next), sums[0]);
      code.run(f32.store(at(y, row, 4), f32x4.extract_lane(sumAcross(code, total), 0)));
    });
  },
);

/** `memoryRoofAbreast`: the parts from `start` to `end`. */
export const memoryRoofAbreast = func(
  'memoryRoofAbreast',
  { x: 'i32', y: 'i32', N: 'i32', R: 'i32', D: 'i32', turns: 'i32', stride: 'i32', start: 'i32', end: 'i32' },
  (code, { x, y, N, R, D, turns, stride, start, end }) => {
    code.for(start, end, 1, (n) => {
      const to = code.let(at(y, n, words(D)));
      forLanes(code, 0, D, ({ store }) => store(to, f32x4.const(0)));
      const part = code.let(n);
      code.for(0, turns, 1, () => {
        code.for(0, R, 1, (row) => {
          const from = code.let(at(x, i32.add(i32.mul(part, R), row), words(D)));
          forLanes(code, 0, D, ({ load, store }) => store(to, f32x4.add(load(to), load(from))));
        });
        code.set(part, i32.rem_u(i32.add(part, stride), N));
      });
    });
  },
);

export const recipes: readonly Recipe[] = [
  {
    op: 'multiplyAddRoof',
    kernels: [multiplyAddRoof],
    run: (host, [x], { N, D, turns }, y) =>
      host.run(multiplyAddRoof, { x: x.at, y: y.at, turns }, N * D, 24 * N * D * turns),
  },
  {
    op: 'memoryRoof',
    kernels: [memoryRoof],
    run: (host, [x], { N, R, D, turns }, y) =>
      host.run(memoryRoof, { x: x.at, y: y.at, D: R * D, turns }, N, N * R * D * turns),
  },
  {
    op: 'memoryRoofAbreast',
    kernels: [memoryRoofAbreast],
    run: (host, [x], { N, R, D, turns, stride }, y) =>
      host.run(memoryRoofAbreast, { x: x.at, y: y.at, N, R, D, turns, stride }, N, N * R * D * turns),
  },
];
