import type { Recipe } from '../../tensor/simd/recipe.ts';
import { func } from '../../tensor/wasm/code.ts';
import { i32, memory } from '../../tensor/wasm/instructions.ts';
import type { Local } from '../../tensor/wasm/values.ts';
import { at, WORD, words } from './address.ts';
import { forQueries, QUERIES } from './queries.ts';
import { tile } from './tile.ts';
import { PANEL } from './weight-types.ts';

/** Keys whose values are added up before the sum joins that of the others: 64 rows of a head of v are 32 KB. */
const KEY_BLOCK = 64;

const fourRows = tile('float32', QUERIES, 1);
const oneRow = tile('float32', 1, 1);
const oneRowTwice = tile('float32', 1, 2);

/**
 * `attentionValues`: y[i, h] = Σⱼ p[h, i, j] · v[first(i) + j, h] over the keys that query i sees. This is a matrix
 * product, and the product's tile computes it: a row of v is a step of k, and needs no packing because its columns lie
 * side by side.
 *
 * Items, strides and range as in `attentionScores`. A tile reads whole panels of 8 columns: where d is no multiple of
 * 8, up to 31 bytes beyond a row of v. For four queries together the blocks count that all of them see; the rest is
 * done row by row, so that nothing a query does not see, not even an infinity, can touch its sum.
 */
export const attentionValues = func(
  'attentionValues',
  {
    probabilities: 'i32',
    v: 'i32',
    span: 'i32',
    y: 'i32',
    vRow: 'i32',
    vHead: 'i32',
    yRow: 'i32',
    yHead: 'i32',
    N: 'i32',
    d: 'i32',
    C: 'i32',
    start: 'i32',
    end: 'i32',
  },
  (code, { probabilities, v, span, y, vRow, vHead, yRow, yHead, N, d, C, start, end }) => {
    const xRow = code.let(words(C));
    forQueries(code, { span, N, start, end }, ({ head, row, item, first, least, together }) => {
      const x = code.let(at(probabilities, item, xRow));
      const w = code.let(at(at(v, head, vHead), first, vRow));
      const to = code.let(at(at(y, head, yHead), row, yRow));
      const shared = { d, vRow, xRow, yRow };
      code.if(
        i32.eq(together, QUERIES),
        () => {
          const joint = code.let(i32.and(least, -KEY_BLOCK));
          code.call(mix, { x, w, y: to, ...shared, start: 0, end: joint, four: 1 });
          code.for(0, QUERIES, 1, (index) => {
            const seen = i32.load(at(span, i32.add(row, index), 2 * WORD), WORD);
            const [xOne, yOne] = [at(x, index, xRow), at(to, index, yRow)];
            code.call(mix, { x: xOne, w, y: yOne, ...shared, start: joint, end: seen, four: 0 });
          });
        },
        () => code.call(mix, { x, w, y: to, ...shared, start: 0, end: least, four: 0 }),
      );
    });
  },
);

/**
 * Adds the keys from `start`, a multiple of KEY_BLOCK, to `end` to the results of one or four queries; from 0 on it
 * writes, zeros for a query that sees none.
 */
const mix = func(
  'mix',
  {
    x: 'i32',
    w: 'i32',
    y: 'i32',
    d: 'i32',
    vRow: 'i32',
    xRow: 'i32',
    yRow: 'i32',
    start: 'i32',
    end: 'i32',
    four: 'i32',
  },
  (code, { x, w, y, d, vRow, xRow, yRow, start, end, four }) => {
    code.if(i32.eq(end, 0), () => code.run(memory.fill(y, 0, words(d))));
    code.for(start, end, KEY_BLOCK, (key) => {
      const depth = code.let(i32.sub(end, key));
      code.if(i32.lt_u(KEY_BLOCK, depth), () => code.set(depth, KEY_BLOCK));
      const compute = (callee: typeof oneRow, column: Local<'i32'>): void =>
        code.call(callee, {
          x: at(x, key),
          xRow,
          xStep: WORD,
          w: at(at(w, key, vRow), column),
          wPanel: PANEL * WORD,
          wStep: vRow,
          y: at(y, column),
          yRow,
          depth,
          columns: i32.sub(d, column),
          add: key,
          bias: 0,
          lane: 0,
        });
      code.if(
        four,
        () => code.for(0, d, PANEL, (column) => compute(fourRows, column)),
        () => {
          const pairs = code.let(i32.and(d, -2 * PANEL));
          code.for(0, pairs, 2 * PANEL, (column) => compute(oneRowTwice, column));
          code.for(pairs, d, PANEL, (column) => compute(oneRow, column));
        },
      );
    });
  },
);

export const recipes: readonly Recipe[] = [
  {
    op: 'attentionValues',
    kernels: [attentionValues],
    run(host, [span, probabilities, v], { N, H, d, C }, y) {
      const places = { probabilities: probabilities.at, v: v.at, span: span.at, y: y.at };
      const strides = { vRow: 4 * H * d, vHead: 4 * d, yRow: 4 * H * d, yHead: 4 * d };
      host.run(attentionValues, { ...places, ...strides, N, d, C }, H * N, 2 * H * N * C * d);
    },
  },
];
