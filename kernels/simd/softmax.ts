import type { Recipe } from '../../tensor/simd/recipe.ts';
import { func } from '../../tensor/wasm/code.ts';
import { f32x4, i32, memory } from '../../tensor/wasm/instructions.ts';
import type { Local } from '../../tensor/wasm/values.ts';
import { at, WORD, words } from './address.ts';
import { emitExp } from './exp.ts';
import { ABREAST, forLanes, type Lanes, largestOf, sumOver } from './lanes.ts';

/**
 * `softmax`: y[j] = exp(x[j] − max) / Σ exp(x − max) over the keys that a row sees, 0 over the rest. Row r of the
 * `[H·N, C]` sees what `span` says of query r mod N. The rows from `start` to `end`; y may be x.
 */
export const softmax = func(
  'softmax',
  { x: 'i32', span: 'i32', y: 'i32', N: 'i32', C: 'i32', start: 'i32', end: 'i32' },
  (code, { x, span, y, N, C, start, end }) => {
    const bytes = code.let(words(C));
    code.for(start, end, 1, (row) => {
      const [from, to] = [code.let(at(x, row, bytes)), code.let(at(y, row, bytes))];
      const count = code.let(i32.load(at(span, i32.rem_u(row, N), 2 * WORD), WORD));
      const largest = largestOf(code, count, ({ load }) => load(from));
      const term = ({ load, store }: Lanes): Local<'v128'> => {
        const exponential = emitExp(code, code.let(f32x4.sub(load(from), largest)));
        store(to, exponential);
        return exponential;
      };
      const sum = sumOver(code, count, term, ABREAST);
      forLanes(code, 0, count, ({ load, store }) => store(to, f32x4.div(load(to), sum)));
      code.run(memory.fill(at(to, count), 0, words(i32.sub(C, count))));
    });
  },
);

/**
 * `softmaxGradient`: dx[j] = y[j] · (dy[j] − Σ y·dy) / divisor over the keys that a row sees, 0 over the rest; rows as in `softmax`; dx may
 * be dy.
 */
export const softmaxGradient = func(
  'softmaxGradient',
  { y: 'i32', dy: 'i32', span: 'i32', dx: 'i32', N: 'i32', C: 'i32', divisor: 'f32', start: 'i32', end: 'i32' },
  (code, { y, dy, span, dx, N, C, divisor, start, end }) => {
    const { sub, mul, div } = f32x4;
    const bytes = code.let(words(C));
    const by = code.let(f32x4.splat(divisor));
    code.for(start, end, 1, (row) => {
      const [p, dp, to] = [y, dy, dx].map((rows) => code.let(at(rows, row, bytes)));
      const count = code.let(i32.load(at(span, i32.rem_u(row, N), 2 * WORD), WORD));
      const dot = sumOver(code, count, ({ load }) => mul(load(p), load(dp)));
      forLanes(code, 0, count, ({ load, store }) => store(to, div(mul(load(p), sub(load(dp), dot)), by)));
      code.run(memory.fill(at(to, count), 0, words(i32.sub(C, count))));
    });
  },
);

export const recipes: readonly Recipe[] = [
  {
    op: 'softmax',
    kernels: [softmax],
    run: (host, [span, x], { H, N, C }, y) =>
      host.run(softmax, { x: x.at, span: span.at, y: y.at, N, C }, H * N, 20 * H * N * C),
  },
  {
    op: 'softmaxGradient',
    kernels: [softmaxGradient],
    run(host, [span, output, dy], { H, N, C }, y) {
      const places = { y: output.at, dy: dy.at, span: span.at, dx: y.at };
      host.run(softmaxGradient, { ...places, N, C, divisor: 1 }, H * N, 4 * H * N * C);
    },
  },
];
