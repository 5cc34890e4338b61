import type { Recipe } from '../../tensor/simd/recipe.ts';
import { func } from '../../tensor/wasm/code.ts';
import { i32, memory } from '../../tensor/wasm/instructions.ts';
import type { Local } from '../../tensor/wasm/values.ts';
import { at, WORD, words } from './address.ts';
import { dots } from './dots.ts';
import { forQueries, QUERIES } from './queries.ts';

const fourByTwo = dots(QUERIES, 2);
const fourByOne = dots(QUERIES, 1);
const oneByFour = dots(1, 4);
const oneByOne = dots(1, 1);

/**
 * `attentionScores`: scores[h, i, j] = q[i, h] · k[first(i) + j, h] / divisor for the keys that query i sees, 0 beyond,
 * C columns.
 *
 * An item is one query of one head, head by head: item h·N + i writes row h·N + i. Rows of q and k lie `qRow` and
 * `kRow` bytes apart, heads `qHead` and `kHead`, so that both may be parts of one projection, in any order. The
 * items from `start` to `end`.
 */
export const attentionScores = func(
  'attentionScores',
  {
    q: 'i32',
    k: 'i32',
    span: 'i32',
    scores: 'i32',
    qRow: 'i32',
    qHead: 'i32',
    kRow: 'i32',
    kHead: 'i32',
    N: 'i32',
    d: 'i32',
    C: 'i32',
    divisor: 'f32',
    start: 'i32',
    end: 'i32',
  },
  (code, { q, k, span, scores, qRow, qHead, kRow, kHead, N, d, C, divisor, start, end }) => {
    const scoresRow = code.let(words(C));
    forQueries(code, { span, N, start, end }, ({ head, row, item, first, most, together }) => {
      const query = code.let(at(at(q, head, qHead), row, qRow));
      const keys = code.let(at(at(k, head, kHead), first, kRow));
      const to = code.let(at(scores, item, scoresRow));
      const score = (tile: typeof oneByOne, key: Local<'i32'>): void =>
        code.call(tile, { q: query, qRow, k: at(keys, key, kRow), kRow, d, scores: at(to, key), scoresRow, divisor });
      const sweep = (many: typeof oneByOne, count: number, one: typeof oneByOne): void => {
        const whole = code.let(i32.and(most, -count));
        code.for(0, whole, count, (key) => score(many, key));
        code.for(whole, most, 1, (key) => score(one, key));
      };
      code.if(
        i32.eq(together, QUERIES),
        () => sweep(fourByTwo, 2, fourByOne),
        () => sweep(oneByFour, 4, oneByOne),
      );
      // Queries that were computed together see different numbers of keys: what a query does not see is 0.
      code.for(0, together, 1, (index) => {
        const seen = code.let(i32.load(at(span, i32.add(row, index), 2 * WORD), WORD));
        code.run(memory.fill(at(at(to, index, scoresRow), seen), 0, words(i32.sub(C, seen))));
      });
    });
  },
);

export const recipes: readonly Recipe[] = [
  {
    op: 'attentionScores',
    kernels: [attentionScores],
    run(host, [q, k, span], { N, H, d, C, divisor }, y) {
      const places = { q: q.at, k: k.at, span: span.at, scores: y.at };
      const strides = { qRow: 4 * H * d, qHead: 4 * d, kRow: 4 * H * d, kHead: 4 * d };
      host.run(attentionScores, { ...places, ...strides, N, d, C, divisor }, H * N, 2 * H * N * C * d);
    },
  },
];
